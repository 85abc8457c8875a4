// SPDX-License-Identifier: MIT
#pragma once

#include "tests/manual/world.h"

inline const int order = 0;
inline Coro<> save(int) { co_return; }
