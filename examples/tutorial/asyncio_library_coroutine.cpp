// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include <iostream>

using namespace asyncio;
using namespace std::chrono_literals;

// A coroutine: it runs when it is awaited, and lets others run while it waits.
Coro<> say_hello() {
  std::cout << "Hello\n";
  co_await sleep(1s);  // a delay that blocks nobody
  std::cout << "World\n";
}

int main() { return run(say_hello()); }
