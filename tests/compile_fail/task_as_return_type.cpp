// SPDX-License-Identifier: MIT
// EXPECT: a coroutine cannot return Task<T>: return Coro<T>; create_task() makes a Task<T>
#include <asyncio/task.h>

asyncio::Task<int> answer() { co_return 42; }
