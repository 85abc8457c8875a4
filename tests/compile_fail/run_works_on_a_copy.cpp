// SPDX-License-Identifier: MIT
// EXPECT: would work on a copy: pass std::ref(argument)
#include <asyncio/run.h>

struct Stats {
  void add() { ++count; }
  int count = 0;
};

asyncio::Coro<> add(Stats& stats) {
  stats.add();
  co_return;
}

int main() {
  Stats stats;
  return asyncio::run(add, stats);
}
