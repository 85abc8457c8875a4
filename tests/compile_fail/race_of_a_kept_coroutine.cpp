// SPDX-License-Identifier: MIT
// EXPECT: must be handed over: write std::move()
#include <asyncio/race.h>

asyncio::Coro<int> answer() { co_return 42; }

void start() {
  auto coro = answer();
  (void)asyncio::race(coro, answer());
}
