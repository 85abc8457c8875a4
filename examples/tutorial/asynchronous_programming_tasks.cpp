// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include "python.h"

#include <iostream>
#include <string>
#include <vector>

using namespace asyncio;
using namespace std::chrono_literals;

// Three workers as tasks; results come in the order of the arguments.
Coro<std::string> worker(std::string name, std::chrono::seconds delay) {
  std::cout << "Worker " << name << ": Starting...\n";
  co_await sleep(delay);
  std::cout << "Worker " << name << ": Finished.\n";
  co_return name + " done";
}

Coro<> async_main() {
  std::cout << "\n--- Asyncio with Tasks Example ---\n";
  auto& loop = get_running_loop();
  auto start_time = loop.time();

  auto task1 = create_task(worker("A", 2s));
  auto task2 = create_task(worker("B", 1s));
  auto task3 = create_task(worker("C", 3s));
  std::vector<Task<std::string>> tasks{task1, task2, task3};
  std::vector<std::string> results = co_await gather(tasks);

  std::cout << "All workers completed. Results: " << python::repr(results) << '\n';
  std::cout << "Total time (asyncio tasks): " << python::seconds(loop.time() - start_time) << " seconds.\n";
}

int main() { return run(async_main()); }
