// SPDX-License-Identifier: MIT
// BH-MISC-04
// EXPECT: the callable must be a coroutine
#include <asyncio/thread_future.h>

int answer() { return 42; }

void send(asyncio::EventLoop& loop) { (void)asyncio::run_coroutine_threadsafe(loop, answer); }
