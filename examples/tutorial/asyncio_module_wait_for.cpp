// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include <iostream>

using namespace asyncio;
using namespace std::chrono_literals;

// Five seconds of work, cut off after two.
Coro<> long_task() {
  std::cout << "Task started, will take 5 seconds\n";
  co_await sleep(5s);
  std::cout << "Task finished\n";
}

Coro<> async_main() {
  try {
    co_await wait_for(long_task(), 2s);
  } catch (const TimeoutError&) {
    std::cout << "Task timed out!\n";
  }
}

int main() { return run(async_main()); }
