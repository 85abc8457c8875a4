// SPDX-License-Identifier: MIT
// BH-WAIT-02
// EXPECT: make them with create_task
#include <asyncio/wait.h>

asyncio::Coro<int> answer() { co_return 42; }

void start() {
  std::vector<asyncio::Coro<int>> coros;
  coros.push_back(answer());
  (void)asyncio::wait(std::move(coros));
}
