// SPDX-License-Identifier: MIT
// EXPECT: would work on a copy: pass std::ref(argument)
#include <asyncio/executor.h>

struct Stats {
  void add() { ++count; }
  int count = 0;
};

void add(Stats& stats) { stats.add(); }

void start(asyncio::EventLoop& loop, asyncio::Executor& pool, Stats& stats) {
  (void)loop.run_in_executor(pool, add, stats);
}
