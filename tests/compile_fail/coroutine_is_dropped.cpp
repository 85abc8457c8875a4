// SPDX-License-Identifier: MIT
// EXPECT: a Coro runs when it is awaited: write co_await, or create_task()
#include <asyncio/sleep.h>

using namespace asyncio;

Coro<> work() { co_await sleep(std::chrono::seconds(1)); }

Coro<> async_main() {
  work();
  co_return;
}
