// SPDX-License-Identifier: MIT
#pragma once

#include "tests/manual/world.h"

inline std::map<std::string, int> count_of;
inline std::vector<asyncio::AnyTask> started;
