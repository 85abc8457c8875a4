// SPDX-License-Identifier: MIT
#pragma once

#include "tests/manual/world.h"

inline Coro<> read_requests(asyncio::StreamReader&) { co_return; }
inline Coro<> send_events(asyncio::StreamWriter&) { co_return; }
