// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include "python.h"

#include <iostream>
#include <string>
#include <utility>
#include <vector>

using namespace asyncio;
using namespace std::chrono_literals;

// Two simulated downloads at once; the results come in the order of the arguments.
Coro<std::string> fetch_url(std::string url) {
  std::cout << "Fetching " << url << '\n';
  co_await sleep(2s);
  co_return "Data from " + url;
}

Coro<> async_main() {
  std::vector<Coro<std::string>> downloads;
  for (const char* url : {"https://example.com", "https://httpbin.org/get"}) downloads.push_back(fetch_url(url));
  std::vector<std::string> results = co_await gather(std::move(downloads));
  std::cout << python::repr(results) << '\n';
}

int main() { return run(async_main()); }
