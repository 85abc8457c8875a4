// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include <iostream>

using namespace asyncio;
using namespace std::chrono_literals;

// The event loop runs a coroutine which awaits another.
Coro<> say_hello() {
  std::cout << "Hello\n";
  co_await sleep(1s);
  std::cout << "World\n";
}

Coro<> async_main() { co_await say_hello(); }

int main() { return run(async_main()); }
