// SPDX-License-Identifier: MIT
// EXPECT: co_await: this cannot be awaited; await a Coro, a Task, a Future or another awaitable
#include <asyncio/coro.h>

asyncio::Coro<> async_main() { co_await 42; }
