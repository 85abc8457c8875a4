// SPDX-License-Identifier: MIT
// EXPECT: would work on a copy: pass std::ref(argument)
#include <asyncio/exit_stack.h>

struct Stats {
  void add() { ++count; }
  int count = 0;
};

void add(Stats& stats) { stats.add(); }

void start(asyncio::ExitStack& stack, Stats& stats) { stack.callback(add, stats); }
