// SPDX-License-Identifier: MIT
// EXPECT: pass &object or std::ref(object)
#include <asyncio/event_loop.h>

struct Stats {
  void add() { ++count; }
  int count = 0;
};

void start(asyncio::EventLoop& loop, Stats& stats) { loop.call_soon(&Stats::add, stats); }
