// SPDX-License-Identifier: MIT
// EXPECT: write std::move(coro)
#include <asyncio/task.h>

asyncio::Coro<int> answer() { co_return 42; }

void start() {
  auto coro = answer();
  (void)asyncio::create_task(coro);
}
