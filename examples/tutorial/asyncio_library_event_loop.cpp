// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include <iostream>

using namespace asyncio;
using namespace std::chrono_literals;

// run() makes an event loop, runs a coroutine in it, and closes it.
Coro<> async_main() {
  std::cout << "Start\n";
  co_await sleep(1s);
  std::cout << "End\n";
}

int main() { return run(async_main()); }
