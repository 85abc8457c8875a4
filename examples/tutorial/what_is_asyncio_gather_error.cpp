// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include <iostream>
#include <string>

using namespace asyncio;
using namespace std::chrono_literals;

// The first error comes out of gather() at once. The other coroutine is not cancelled by it, and would go on; here the
// program ends first. A TaskGroup cancels and waits.
Coro<> task(std::string name) {
  std::cout << name << " started\n";
  co_await sleep(2s);
  std::cout << name << " finished\n";
}

Coro<> bad_task() {
  throw ValueError("Oops!");
  co_return;
}

Coro<> async_main() {
  try {
    co_await gather(task("Good Task"), bad_task());
  } catch (const std::exception& error) {
    std::cout << "Caught an error: " << error.what() << '\n';
  }
}

int main() { return run(async_main()); }
