// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include <thread>

using namespace asyncio;
using namespace std::chrono_literals;

// What not to do: a call that blocks keeps the whole loop from running. Debug mode reports it: ASYNCIO_DEBUG=1.
Coro<> bad_task() {
  std::this_thread::sleep_for(2s);
  co_return;
}

int main() { return run(bad_task()); }
