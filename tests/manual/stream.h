// SPDX-License-Identifier: MIT
#pragma once

#include "tests/manual/world.h"

inline const std::string request, body;
inline void handle(std::string_view) {}
inline Coro<int> compute_answer(std::string) { co_return 0; }
inline Coro<> client_gone(asyncio::StreamWriter&) { co_return; }
inline void write_headers(asyncio::StreamWriter&) {}
