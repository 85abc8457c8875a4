// SPDX-License-Identifier: MIT
#pragma once

#include "tests/manual/world.h"

inline int count_lines(std::string) { return 0; }
