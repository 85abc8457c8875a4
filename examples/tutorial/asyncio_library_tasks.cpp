// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include <iostream>

using namespace asyncio;
using namespace std::chrono_literals;

// Two tasks, started together, ending one after the other.
Coro<> task1() {
  std::cout << "Task 1 started\n";
  co_await sleep(2s);
  std::cout << "Task 1 finished\n";
}

Coro<> task2() {
  std::cout << "Task 2 started\n";
  co_await sleep(1s);
  std::cout << "Task 2 finished\n";
}

Coro<> async_main() {
  auto t1 = create_task(task1());
  auto t2 = create_task(task2());
  co_await t1;
  co_await t2;
}

int main() { return run(async_main()); }
