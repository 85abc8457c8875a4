// SPDX-License-Identifier: MIT
#pragma once

// What is printed: no-build.
// no-build: 2, 3

#include "tests/manual/world.h"
