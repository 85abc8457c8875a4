// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include <iostream>
#include <string>

using namespace asyncio;
using namespace std::chrono_literals;

// A time-out is an exception at the await.
Coro<std::string> long_running_task() {
  co_await sleep(5s);
  co_return "Done";
}

Coro<> async_main() {
  try {
    std::string result = co_await wait_for(long_running_task(), 2s);
    std::cout << result << '\n';
  } catch (const TimeoutError&) {
    std::cout << "Task timed out\n";
  }
}

int main() { return run(async_main()); }
