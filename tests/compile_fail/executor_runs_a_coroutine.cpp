// SPDX-License-Identifier: MIT
// EXPECT: a thread runs plain functions, and this is a coroutine
#include <asyncio/executor.h>

asyncio::Coro<int> answer() { co_return 42; }

void start(asyncio::EventLoop& loop) { (void)loop.run_in_executor(nullptr, answer); }
