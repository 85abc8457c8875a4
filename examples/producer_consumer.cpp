// SPDX-License-Identifier: MIT
// Three producers and two consumers with a bounded queue between them: who is faster waits for who is slower.
#include <asyncio/asyncio.h>

#include <iostream>
#include <string>

using namespace asyncio;
using namespace std::chrono_literals;

Coro<> produce(std::string name, int count, Queue<std::string>& queue) {
  for (int i = 1; i <= count; ++i) {
    co_await sleep(20ms);  // some work
    co_await queue.put(name + std::to_string(i));
  }
}

Coro<int> consume(Queue<std::string>& queue) {
  int consumed = 0;
  while (auto item = co_await queue.next()) {
    co_await sleep(50ms);  // more work
    std::cout << *item << ' ' << std::flush;
    ++consumed;
  }
  co_return consumed;
}

Coro<> async_main() {
  Queue<std::string> queue(4);
  auto first = create_task(consume(queue));
  auto second = create_task(consume(queue));
  co_await with(TaskGroup(), [&](TaskGroup& producers) -> Coro<> {
    for (const char* name : {"a", "b", "c"}) producers.create_task(produce(name, 5, queue));
    co_return;
  });
  queue.shutdown();  // the consumers take what is left, and end
  int from_first = co_await first;
  int from_second = co_await second;
  std::cout << "\nconsumed: " << from_first << " and " << from_second << '\n';
}

int main() { return run(async_main()); }
