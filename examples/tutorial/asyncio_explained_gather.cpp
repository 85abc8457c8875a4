// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include "sample.h"

#include <iostream>

using namespace asyncio;
using namespace std::chrono_literals;

// The results of a gather() are in the order of its arguments.
Coro<> async_main() {
  auto results = co_await gather(fetch_data(1, 2s), fetch_data(2, 1s), fetch_data(3, 3s));
  auto& [first, second, third] = results;
  for (const Sample& result : {first, second, third}) std::cout << "Received result: " << result << '\n';
}

int main() { return run(async_main()); }
