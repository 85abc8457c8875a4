// SPDX-License-Identifier: MIT
// EXPECT: co_await: a Coro is awaited once, and gone then: write co_await std::move(coro), or make it a task
#include <asyncio/coro.h>

asyncio::Coro<int> answer() { co_return 42; }
asyncio::Coro<> async_main() {
  auto coro = answer();
  co_await coro;
}
