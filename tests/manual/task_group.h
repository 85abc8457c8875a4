// SPDX-License-Identifier: MIT
#pragma once

#include "tests/manual/world.h"

struct Config {};
inline const Config config;
inline const Url first, second;
inline asyncio::TaskGroup group;
inline Coro<asyncio::Server> listen(Config) {
  co_return co_await asyncio::start_server([](asyncio::StreamReader, asyncio::StreamWriter) -> Coro<> { co_return; },
                                           "", 0);
}
inline Coro<> show_progress() { co_return; }
