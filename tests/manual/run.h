// SPDX-License-Identifier: MIT
#pragma once

// A whole program, but for its async_main(): no-build.
// no-build: 2

#include "tests/manual/world.h"
