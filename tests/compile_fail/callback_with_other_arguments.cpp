// SPDX-License-Identifier: MIT
// EXPECT: the callable does not take these arguments
#include <asyncio/event_loop.h>

struct Stats {
  void add() { ++count; }
  int count = 0;
};

void add(Stats& stats) { stats.add(); }

void start(asyncio::EventLoop& loop) { loop.call_soon(add, 1); }
