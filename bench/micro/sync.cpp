// SPDX-License-Identifier: MIT
#include <asyncio/lock.h>
#include <asyncio/queue.h>
#include <asyncio/sleep.h>
#include <asyncio/task.h>

#include "../measure.h"
#include "rows.h"

#include <vector>

using namespace std::chrono_literals;
using asyncio::Coro;
using asyncio::create_task;
using asyncio::Lock;
using asyncio::Queue;
using asyncio::Task;

static Coro<> produce(Queue<std::uint64_t>& queue, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) co_await queue.put(i);
}

static Coro<std::uint64_t> consume(Queue<std::uint64_t>& queue, std::uint64_t count) {
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < count; ++i) sum += co_await queue.get();
  co_return sum;
}

Coro<> channel() {
  constexpr std::uint64_t items = 2'000'000;
  Queue<std::uint64_t> queue(64);
  const measure::CpuTime time;
  auto producer = create_task(produce(queue, items));
  auto consumer = create_task(consume(queue, items));
  co_await producer;
  const std::uint64_t sum = co_await consumer;
  time.report("chan", items);
  measure::require(sum == items * (items - 1) / 2);
}

static Coro<> lock_repeatedly(Lock& lock, int times) {
  for (int i = 0; i < times; ++i) {
    auto held = co_await lock.scoped();
    co_await asyncio::sleep(0s);
  }
}

Coro<> mutex() {
  Lock lock;
  {
    constexpr int times = 5'000'000;
    const measure::CpuTime time;
    for (int i = 0; i < times; ++i) {
      auto held = co_await lock.scoped();
      measure::keep(lock);
    }
    time.report("mutex_unc", times);
  }
  {
    constexpr int tasks = 100;
    constexpr int times = 10'000;
    const measure::CpuTime time;
    std::vector<Task<>> lockers;
    for (int i = 0; i < tasks; ++i) lockers.push_back(create_task(lock_repeatedly(lock, times)));
    for (const Task<>& locker : lockers) co_await locker;
    time.report("mutex_cont", tasks * times);
  }
}
