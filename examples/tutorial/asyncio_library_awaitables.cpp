// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include <iostream>
#include <string>

using namespace asyncio;
using namespace std::chrono_literals;

// Awaiting a coroutine gives what it returns.
Coro<std::string> fetch_data() {
  co_await sleep(2s);
  co_return "Data";
}

Coro<> async_main() {
  std::string result = co_await fetch_data();
  std::cout << result << '\n';
}

int main() { return run(async_main()); }
