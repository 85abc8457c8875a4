// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include <iostream>

using namespace asyncio;
using namespace std::chrono_literals;

// The main coroutine of a program.
Coro<> async_main() {
  std::cout << "Start of main coroutine\n";
  co_await sleep(1s);
  std::cout << "End of main coroutine\n";
}

int main() { return run(async_main()); }
