// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include <iostream>

using namespace asyncio;
using namespace std::chrono_literals;

// A coroutine, by itself.
Coro<> say_hello() {
  std::cout << "Hello\n";
  co_await sleep(1s);
  std::cout << "World\n";
}

int main() { return run(say_hello()); }
