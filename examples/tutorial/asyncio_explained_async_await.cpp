// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include <iostream>
#include <string>
#include <utility>

using namespace asyncio;
using namespace std::chrono_literals;

// Calling a coroutine runs nothing; awaiting what the call gave runs it.
Coro<std::string> do_some_processing() { co_return "done"; }

Coro<> async_main() {
  auto my_coroutine = do_some_processing();
  std::string result = co_await std::move(my_coroutine);
  std::cout << result << '\n';
}

int main() { return run(async_main()); }
