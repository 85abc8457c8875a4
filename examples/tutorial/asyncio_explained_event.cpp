// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include <iostream>

using namespace asyncio;
using namespace std::chrono_literals;

// An event: one tells, all others go on.
Coro<> waiter(Event& event) {
  std::cout << "Waiting for event to be set\n";
  co_await event.wait();
  std::cout << "Event set, continuing\n";
}

Coro<> setter(Event& event) {
  co_await sleep(2s);
  event.set();
  std::cout << "Event has been set\n";
}

Coro<> async_main() {
  Event event;
  co_await gather(waiter(event), setter(event));
}

int main() { return run(async_main()); }
