// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include <iostream>
#include <string>

using namespace asyncio;
using namespace std::chrono_literals;

// Tasks run side by side; the one that sleeps less ends first.
Coro<> do_task(std::string name, std::chrono::seconds delay) {
  std::cout << "Task " << name << " started\n";
  co_await sleep(delay);
  std::cout << "Task " << name << " finished after " << delay.count() << " seconds\n";
}

Coro<> async_main() {
  auto task1 = create_task(do_task("A", 2s));
  auto task2 = create_task(do_task("B", 1s));

  co_await task1;
  co_await task2;
}

int main() { return run(async_main()); }
