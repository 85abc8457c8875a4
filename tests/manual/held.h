// SPDX-License-Identifier: MIT
#pragma once

// no-build: 1

#include "tests/manual/world.h"
