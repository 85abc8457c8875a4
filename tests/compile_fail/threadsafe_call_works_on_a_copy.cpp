// SPDX-License-Identifier: MIT
// EXPECT: would work on a copy: pass std::ref(argument)
#include <asyncio/thread_future.h>

struct Stats {
  void add() { ++count; }
  int count = 0;
};

asyncio::Coro<> add(Stats& stats) {
  stats.add();
  co_return;
}

void start(asyncio::EventLoop& loop, Stats& stats) { (void)asyncio::run_coroutine_threadsafe(loop, add, stats); }
