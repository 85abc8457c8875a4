// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include <iostream>

using namespace asyncio;
using namespace std::chrono_literals;

// A lock: one at a time.
int shared_resource = 0;
Lock lock;

Coro<> modify_resource() {
  auto held = co_await lock.scoped();
  std::cout << "Resource before: " << shared_resource << '\n';
  shared_resource += 1;
  co_await sleep(1s);
  std::cout << "Resource after: " << shared_resource << '\n';
}

Coro<> async_main() { co_await gather(modify_resource(), modify_resource()); }

int main() { return run(async_main()); }
