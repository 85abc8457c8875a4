// SPDX-License-Identifier: MIT
// EXPECT: the body must be a coroutine that returns asyncio::Coro and ends with co_return, or return void
#include <asyncio/timeout.h>

void start() {
  (void)asyncio::with(asyncio::timeout(std::chrono::seconds(1)), [] { return 1; });
}
