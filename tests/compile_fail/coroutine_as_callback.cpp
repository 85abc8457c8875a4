// SPDX-License-Identifier: MIT
// EXPECT: a callback was expected, and this is a coroutine: use create_task()
#include <asyncio/event_loop.h>

using namespace asyncio;

Coro<> work() { co_return; }

void schedule(EventLoop& loop) { loop.call_soon(&work); }
