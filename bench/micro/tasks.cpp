// SPDX-License-Identifier: MIT
#include <asyncio/gather.h>
#include <asyncio/sleep.h>
#include <asyncio/task.h>

#include "../measure.h"
#include "rows.h"

#include <thread>
#include <vector>

using namespace std::chrono_literals;
using asyncio::Coro;
using asyncio::create_task;
using asyncio::EventLoop;
using asyncio::Future;
using asyncio::Task;

Coro<> spawn_await() {
  constexpr int tasks = 1'000'000;
  const measure::CpuTime time;
  std::uint64_t sum = 0;
  for (int i = 0; i < tasks; ++i) {
    Task<int> task = create_task(child(i));
    sum += static_cast<std::uint64_t>(co_await task);
  }
  measure::keep(sum);
  time.report("spawn_await", tasks);
}

Coro<> spawn_join() {
  constexpr int count = 1'000'000;
  const measure::PeakMemory memory;
  const measure::CpuTime time;
  std::uint64_t sum = 0;
  {
    std::vector<Task<int>> tasks;
    tasks.reserve(count);
    for (int i = 0; i < count; ++i) tasks.push_back(create_task(child(i)));
    for (const Task<int>& task : tasks) sum += static_cast<std::uint64_t>(co_await task);
  }
  measure::keep(sum);
  time.report("spawn_join", count);
  memory.report("spawn_join_rss", count);
}

Coro<> gather_children() {
  constexpr int count = 10'000;
  constexpr int rounds = 50;
  const measure::CpuTime time;
  std::uint64_t sum = 0;
  for (int round = 0; round < rounds; ++round) {
    std::vector<Coro<int>> children;
    children.reserve(count);
    for (int i = 0; i < count; ++i) children.push_back(child(i));
    const std::vector<int> results = co_await asyncio::gather(std::move(children));
    for (const int result : results) sum += static_cast<std::uint64_t>(result);
  }
  measure::keep(sum);
  time.report("gather", count * rounds);
}

static Coro<> yield_repeatedly(int times) {
  for (int i = 0; i < times; ++i) co_await asyncio::sleep(0s);
}

static Coro<> yield_among(int count, const char* row) {
  constexpr int yields = 5'000'000;
  const measure::CpuTime time;
  std::vector<Task<>> tasks;
  for (int i = 0; i < count; ++i) tasks.push_back(create_task(yield_repeatedly(yields / count)));
  for (const Task<>& task : tasks) co_await task;
  time.report(row, yields);
}

Coro<> yield_2() { return yield_among(2, "yield2"); }
Coro<> yield_1000() { return yield_among(1000, "yield1000"); }

static Coro<> sleep_for(std::chrono::milliseconds duration) { co_await asyncio::sleep(duration); }

Coro<> timers() {
  constexpr int count = 1'000'000;
  measure::Random random;
  const measure::PeakMemory memory;
  const measure::CpuTime time;
  {
    std::vector<Task<>> tasks;
    tasks.reserve(count);
    for (int i = 0; i < count; ++i) tasks.push_back(create_task(sleep_for(std::chrono::milliseconds(random() % 1000))));
    for (const Task<>& task : tasks) co_await task;
  }
  time.report("timers_cpu", count);
  memory.report("timers_rss", count);
}

Coro<> future_set() {
  constexpr int count = 1'000'000;
  EventLoop& loop = asyncio::get_running_loop();
  const measure::CpuTime time;
  std::uint64_t sum = 0;
  for (int i = 0; i < count; ++i) {
    Future<int> future;
    loop.call_soon([future, i] { future.set_result(i); });
    sum += static_cast<std::uint64_t>(co_await future);
  }
  measure::keep(sum);
  time.report("future_set", count);
}

Coro<> from_another_thread() {
  measure::pin_to_cpu(0);
  EventLoop& loop = asyncio::get_running_loop();
  Future<> finished;
  std::thread poster([&] {
    measure::post_from_another_cpu([&](auto callback) { loop.call_soon_threadsafe(callback); });
    loop.call_soon_threadsafe([&] { finished.set_result(); });
  });
  co_await finished;
  poster.join();
}
