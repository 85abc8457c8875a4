// SPDX-License-Identifier: MIT
// Which TCP ports of a host are open? port_scanner [--host 127.0.0.1] [--from 1] [--to 1024] [--at-once 200]
// A semaphore bounds how many connections are tried at the same time.
#include <asyncio/asyncio.h>

#include "arguments.h"

#include <iostream>
#include <string>
#include <utility>
#include <vector>

using namespace asyncio;
using namespace std::chrono_literals;

Coro<bool> is_open(const std::string& host, int port, Semaphore& slots) {
  auto held = co_await slots.scoped();
  auto connection = co_await as_result(wait_for(open_connection(host, port), 1s));
  co_return connection.has_value();
}

Coro<> async_main(std::string host, int first, int last, int at_once) {
  Semaphore slots(at_once);
  std::vector<Coro<bool>> tries;
  for (int port = first; port <= last; ++port) tries.push_back(is_open(host, port, slots));
  std::vector<bool> open = co_await gather(std::move(tries));
  int count = 0;
  for (int port = first; port <= last; ++port) {
    if (!open[static_cast<std::size_t>(port - first)]) continue;
    std::cout << "port " << port << " is open\n";
    ++count;
  }
  std::cout << count << " of " << last - first + 1 << " ports are open\n";
}

int main(int argc, char** argv) {
  const Arguments arguments(argc, argv, {{"host", "127.0.0.1"}, {"from", "1"}, {"to", "1024"}, {"at-once", "200"}});
  const int first = arguments.number("from", 1, 65535);
  const int last = arguments.number("to", first, 65535);
  return run(async_main(arguments.text("host"), first, last, arguments.number("at-once", 1, 10000)));
}
