// SPDX-License-Identifier: MIT
// EXPECT: write std::move
#include <asyncio/timeout.h>

asyncio::Coro<int> answer() { co_return 42; }

void start() {
  auto coro = answer();
  (void)asyncio::wait_for(coro, std::chrono::seconds(1));
}
