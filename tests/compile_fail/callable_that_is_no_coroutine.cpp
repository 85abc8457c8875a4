// SPDX-License-Identifier: MIT
// EXPECT: the callable must be a coroutine: let it return asyncio::Coro
#include <asyncio/task.h>

void start() {
  asyncio::create_task([](int) {}, 1);
}
