// SPDX-License-Identifier: MIT
// EXPECT: the first argument needs
#include <asyncio/with.h>

struct Door {
  asyncio::Coro<> enter() { co_return; }
};

void start() {
  (void)asyncio::with(Door(), []() -> asyncio::Coro<> { co_return; });
}
