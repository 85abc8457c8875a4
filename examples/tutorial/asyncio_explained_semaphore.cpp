// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include <iostream>
#include <utility>
#include <vector>

using namespace asyncio;
using namespace std::chrono_literals;

// A semaphore: two at a time.
Coro<> access_resource(Semaphore& semaphore, int resource_id) {
  auto held = co_await semaphore.scoped();
  std::cout << "Accessing resource " << resource_id << '\n';
  co_await sleep(1s);
  std::cout << "Releasing resource " << resource_id << '\n';
}

Coro<> async_main() {
  Semaphore semaphore(2);
  std::vector<Coro<>> accesses;
  for (int i = 0; i < 5; ++i) accesses.push_back(access_resource(semaphore, i));
  co_await gather(std::move(accesses));
}

int main() { return run(async_main()); }
