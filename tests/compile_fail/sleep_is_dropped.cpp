// SPDX-License-Identifier: MIT
// EXPECT: nothing is waited for: write co_await
#include <asyncio/sleep.h>

using namespace asyncio;

Coro<> async_main() {
  sleep(std::chrono::seconds(1));
  co_return;
}
