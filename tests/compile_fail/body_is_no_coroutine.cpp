// SPDX-License-Identifier: MIT
// EXPECT: the body must be a coroutine
#include <asyncio/timeout.h>

void start() {
  (void)asyncio::with(asyncio::timeout(std::chrono::seconds(1)), [] {});
}
