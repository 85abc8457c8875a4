// SPDX-License-Identifier: MIT
#pragma once

#include "tests/manual/world.h"

struct File {
  Coro<> flush() { co_return; }
  Coro<> write(std::string) { co_return; }
};
