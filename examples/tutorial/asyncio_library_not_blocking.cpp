// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

using namespace asyncio;
using namespace std::chrono_literals;

// What to do instead: others run while this one waits.
Coro<> good_task() { co_await sleep(2s); }

int main() { return run(good_task()); }
