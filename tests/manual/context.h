// SPDX-License-Identifier: MIT
#pragma once

#include "tests/manual/world.h"

struct Request {
  std::string id;
};
inline Coro<> answer(Request) { co_return; }
