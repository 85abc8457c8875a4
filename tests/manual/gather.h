// SPDX-License-Identifier: MIT
#pragma once

#include "tests/manual/world.h"

inline const int id = 0;
inline Coro<std::string> load_user(int) { co_return ""; }
inline Coro<std::vector<int>> load_orders(int) { co_return std::vector<int>(); }
