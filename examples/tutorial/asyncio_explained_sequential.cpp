// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include "python.h"

#include <iostream>
#include <map>
#include <string>

using namespace asyncio;
using namespace std::chrono_literals;

// Awaits in a row add up: two seconds and one are three.
using Data = std::map<std::string, std::string>;

Coro<Data> fetch_data(std::chrono::seconds delay) {
  std::cout << "Fetching data...\n";
  co_await sleep(delay);
  std::cout << "Data fetched\n";
  co_return Data{{"data", "Some Data"}};
}

Coro<> async_main() {
  Data result1 = co_await fetch_data(2s);
  Data result2 = co_await fetch_data(1s);
  std::cout << python::repr(result1) << ' ' << python::repr(result2) << '\n';
}

int main() { return run(async_main()); }
