// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include <iostream>

using namespace asyncio;
using namespace std::chrono_literals;

// A producer and a consumer with a queue between them.
Coro<> producer(Queue<int>& queue) {
  for (int i = 0; i < 5; ++i) {
    std::cout << "Producing " << i << '\n';
    co_await queue.put(i);
    co_await sleep(1s);
  }
}

Coro<> consumer(Queue<int>& queue) {
  while (auto item = co_await queue.next()) {
    std::cout << "Consumed " << *item << '\n';
    queue.task_done();
  }
}

Coro<> async_main() {
  Queue<int> queue;
  auto producer_task = create_task(producer(queue));
  auto consumer_task = create_task(consumer(queue));
  co_await producer_task;
  co_await queue.join();  // until every item was worked on
  queue.shutdown();       // which ends the consumer's loop
  co_await consumer_task;
}

int main() { return run(async_main()); }
