// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include <iostream>
#include <string>

using namespace asyncio;
using namespace std::chrono_literals;

// Three coroutines, awaited together.
Coro<> task(std::string name) {
  std::cout << name << " started\n";
  co_await sleep(2s);
  std::cout << name << " finished\n";
}

Coro<> async_main() { co_await gather(task("A"), task("B"), task("C")); }

int main() { return run(async_main()); }
