// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include <iostream>

using namespace asyncio;
using namespace std::chrono_literals;

// Two coroutines at the same time: the second says Hello while the first one sleeps.
Coro<> say_hello() {
  std::cout << "Hello\n";
  co_await sleep(1s);
  std::cout << "World\n";
}

Coro<> async_main() { co_await gather(say_hello(), say_hello()); }

int main() { return run(async_main()); }
