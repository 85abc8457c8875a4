// SPDX-License-Identifier: MIT
#pragma once

#include "tests/manual/world.h"

struct Table {};
inline const Table table;
inline std::string read_whole_file(std::string) { return {}; }
inline std::string sha256(std::string) { return {}; }
inline int size_of(std::string) { return 0; }
