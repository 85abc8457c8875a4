// SPDX-License-Identifier: MIT
// EXPECT: would work on a copy: pass std::ref(argument)
#include <asyncio/event_loop.h>

struct Stats {
  void add() { ++count; }
  int count = 0;
};

void add(Stats& stats) { stats.add(); }

void start(asyncio::EventLoop& loop, Stats& stats) { loop.add_signal_handler(1, add, stats); }
