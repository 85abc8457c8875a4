// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include <iostream>

using namespace asyncio;
using namespace std::chrono_literals;

// An exception comes out of the await, with its type and its text.
Coro<> risky_task() {
  throw ValueError("Oops!");
  co_return;
}

Coro<> async_main() {
  try {
    co_await risky_task();
  } catch (const ValueError& error) {
    std::cout << "Caught exception: " << error.what() << '\n';
  }
}

int main() { return run(async_main()); }
