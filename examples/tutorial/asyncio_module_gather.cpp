// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include <iostream>
#include <string>
#include <utility>
#include <vector>

using namespace asyncio;
using namespace std::chrono_literals;

// gather() of a list: the total time is that of the slowest.
Coro<> task(std::string name, std::chrono::seconds delay) {
  std::cout << "Task " << name << " started\n";
  co_await sleep(delay);
  std::cout << "Task " << name << " finished\n";
}

Coro<> async_main() {
  std::vector<Coro<>> tasks;
  tasks.push_back(task("A", 2s));
  tasks.push_back(task("B", 1s));
  tasks.push_back(task("C", 3s));

  co_await gather(std::move(tasks));
}

int main() { return run(async_main()); }
