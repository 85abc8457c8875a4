// SPDX-License-Identifier: MIT
// EXPECT: would work on a copy: pass std::ref(argument)
#include <asyncio/task_group.h>

struct Stats {
  void add() { ++count; }
  int count = 0;
};

asyncio::Coro<> serve(asyncio::Started<int>& started, Stats& stats) {
  started(++stats.count);
  co_return;
}

void start(asyncio::TaskGroup& group, Stats& stats) { (void)group.start(serve, stats); }
