// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

using namespace asyncio;
using namespace std::chrono_literals;

// The smallest program.
Coro<> async_main() { co_await sleep(1s); }

int main() { return run(async_main()); }
