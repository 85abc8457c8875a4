// SPDX-License-Identifier: MIT
// EXPECT: nothing is waited for: write co_await
#include <asyncio/gather.h>
#include <asyncio/sleep.h>

using namespace asyncio;

Coro<> async_main() {
  gather(sleep(std::chrono::seconds(1)), sleep(std::chrono::seconds(2)));
  co_return;
}
