// SPDX-License-Identifier: MIT
// EXPECT: would work on a copy: pass std::ref(argument)
#include <asyncio/task_group.h>

struct Stats {
  void add() { ++count; }
  int count = 0;
};

asyncio::Coro<> add(Stats& stats) {
  stats.add();
  co_return;
}

void start(asyncio::TaskGroup& group, Stats& stats) { group.create_task(add, stats); }
