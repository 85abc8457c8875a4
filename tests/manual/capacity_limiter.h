// SPDX-License-Identifier: MIT
#pragma once

#include "tests/manual/world.h"

struct Row {};
inline Coro<Row> run_query(std::string) { co_return Row(); }
