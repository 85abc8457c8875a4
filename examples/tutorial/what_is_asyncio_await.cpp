// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

using namespace asyncio;
using namespace std::chrono_literals;

// co_await waits a second without blocking the event loop. It stands in a coroutine, as await does in Python.
Coro<> async_main() { co_await sleep(1s); }

int main() { return run(async_main()); }
