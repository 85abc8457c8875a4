// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include "sample.h"

#include <iostream>
#include <vector>

using namespace asyncio;
using namespace std::chrono_literals;

// A group waits for its tasks at the end of the block, and cancels the rest where one fails.
Coro<> async_main() {
  std::vector<Task<Sample>> tasks;
  co_await with(TaskGroup(), [&](TaskGroup& tg) -> Coro<> {
    int id = 0;
    for (auto delay : {2s, 1s, 3s}) tasks.push_back(tg.create_task(fetch_data(++id, delay)));
    co_return;
  });
  for (const auto& task : tasks) std::cout << "Received result: " << task.result() << '\n';
}

int main() { return run(async_main()); }
