// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include <iostream>
#include <string>

using namespace asyncio;
using namespace std::chrono_literals;

// Two tasks of two seconds take two seconds; they end in the order in which they started.
Coro<> task(std::string name) {
  std::cout << name << " started\n";
  co_await sleep(2s);
  std::cout << name << " finished\n";
}

Coro<> async_main() {
  auto t1 = create_task(task("Task 1"));
  auto t2 = create_task(task("Task 2"));

  co_await t1;
  co_await t2;
}

int main() { return run(async_main()); }
