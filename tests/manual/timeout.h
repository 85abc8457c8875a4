// SPDX-License-Identifier: MIT
#pragma once

#include "tests/manual/world.h"

inline Coro<> connect() { co_return; }
inline Coro<> login() { co_return; }
