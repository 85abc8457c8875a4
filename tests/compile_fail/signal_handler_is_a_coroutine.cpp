// SPDX-License-Identifier: MIT
// BH-SIG-03
// EXPECT: a callback was expected, and this is a coroutine
#include <asyncio/event_loop.h>

void add(asyncio::EventLoop& loop) {
  loop.add_signal_handler(10, []() -> asyncio::Coro<> { co_return; });
}
