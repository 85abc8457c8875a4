// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include <iostream>
#include <string>

using namespace asyncio;
using namespace std::chrono_literals;

// A future is a result that somebody else will set.
Coro<> set_future_result(Future<std::string> future, std::string value) {
  co_await sleep(1s);
  future.set_result(value);
}

Coro<> async_main() {
  auto& loop = get_running_loop();
  auto future = loop.create_future<std::string>();

  create_task(set_future_result(future, "Future result is ready"));

  std::string result = co_await future;
  std::cout << "Received future result: " << result << '\n';
}

int main() { return run(async_main()); }
