// SPDX-License-Identifier: MIT
// EXPECT: from_foreign() is for the awaiters of other libraries: just co_await this one
#include <asyncio/foreign.h>
#include <asyncio/sleep.h>

asyncio::Coro<> async_main() {
  co_await asyncio::from_foreign(asyncio::sleep(std::chrono::seconds(1)), [] {});
}
