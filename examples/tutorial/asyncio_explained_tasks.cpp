// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include "sample.h"

#include <iostream>

using namespace asyncio;
using namespace std::chrono_literals;

// Tasks run side by side, whatever the order in which they are awaited.
Coro<> async_main() {
  auto task1 = create_task(fetch_data(1, 2s));
  auto task2 = create_task(fetch_data(2, 3s));
  auto task3 = create_task(fetch_data(3, 1s));

  Sample result1 = co_await task1;
  Sample result2 = co_await task2;
  Sample result3 = co_await task3;

  std::cout << result1 << ' ' << result2 << ' ' << result3 << '\n';
}

int main() { return run(async_main()); }
