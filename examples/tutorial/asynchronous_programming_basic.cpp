// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include "python.h"

#include <iostream>
#include <string>
#include <vector>

using namespace asyncio;
using namespace std::chrono_literals;

// Two downloads of two and three seconds take three seconds together.
Coro<std::string> fetch_data(std::chrono::seconds delay, std::string data) {
  std::cout << "Fetching " << data << " (will take " << delay.count() << " seconds)...\n";
  co_await sleep(delay);
  std::cout << "Finished fetching " << data << ".\n";
  co_return "Data: " + data;
}

Coro<> async_main() {
  std::cout << "--- Asyncio Basic Example ---\n";
  auto& loop = get_running_loop();
  auto start_time = loop.time();

  auto task1 = create_task(fetch_data(2s, "Users"));
  auto task2 = create_task(fetch_data(3s, "Products"));
  std::vector<Task<std::string>> tasks{task1, task2};
  std::vector<std::string> results = co_await gather(tasks);

  std::cout << "All data fetched. Results: " << python::repr(results) << '\n';
  std::cout << "Total time (asyncio): " << python::seconds(loop.time() - start_time) << " seconds.\n";
}

int main() { return run(async_main()); }
