// SPDX-License-Identifier: MIT
#pragma once

#include "tests/manual/world.h"

struct OpenConnection {
  Coro<> aclose() { co_return; }
};
inline OpenConnection connection;
