// SPDX-License-Identifier: MIT
// What it costs to wait when there are many who do: steps are counted where a test can count them. Where it cannot,
// there are so many that a step for each pair would take minutes.
#include <asyncio/broadcast.h>
#include <asyncio/condition.h>
#include <asyncio/event.h>
#include <asyncio/gather.h>
#include <asyncio/lock.h>
#include <asyncio/semaphore.h>
#include <asyncio/testing.h>
#include <asyncio/wait.h>

#include <algorithm>
#include <random>
#include <vector>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

constexpr int many = 1000;
constexpr int very_many = 100'000;

// 0 to count - 1, in an order that is no order, and the same each time.
std::vector<int> shuffled(int count) {
  std::vector<int> numbers(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) numbers[static_cast<std::size_t>(i)] = i;
  std::ranges::shuffle(numbers, std::mt19937(7));
  return numbers;
}

ASYNC_TEST(ComplexityOfWaiting, very_many_timers_are_armed_and_disarmed_in_any_order) {
  EventLoop& loop = get_running_loop();
  const TimePoint begin = loop.time();
  std::vector<TimerHandle> timers;
  std::vector<int> called;
  const std::vector<int> order = shuffled(very_many);
  for (const int number : order) {
    timers.push_back(loop.call_at(begin + 1ms * (number + 1), [number, &called] { called.push_back(number); }));
  }
  for (std::size_t i = 0; i < timers.size(); ++i) {
    if (order[i] % 2 == 1) timers[i].cancel();
  }
  co_await sleep(1ms * (very_many + 1));
  EXPECT_EQ(called.size(), std::size_t{very_many / 2});
  EXPECT_TRUE(std::ranges::is_sorted(called));
}

ASYNC_TEST(ComplexityOfWaiting, a_notify_asks_only_those_whom_it_wakes) {
  Lock lock;
  Condition condition(lock);
  int allowed = 0;
  int asked = 0;
  const auto wait_for_turn = [&](int number) -> Coro<> {
    auto held = co_await lock.scoped();
    co_await condition.wait_for([&, number] {
      ++asked;
      return number < allowed;
    });
  };
  std::vector<Task<>> tasks;
  for (int i = 0; i < many; ++i) tasks.push_back(create_task(wait_for_turn, i));
  co_await settle();
  EXPECT_EQ(asked, many);  // each once, before it waits
  for (allowed = 1; allowed <= many; ++allowed) {
    auto held = co_await lock.scoped();
    condition.notify();
  }
  co_await gather(tasks);
  EXPECT_EQ(asked, 2 * many);
}

ASYNC_TEST(ComplexityOfWaiting, very_many_who_wait_are_woken_one_by_one_or_leave_in_any_order) {
  Semaphore semaphore(0);
  std::vector<Task<>> tasks;
  for (int i = 0; i < very_many; ++i) tasks.push_back(create_task(detail::as_coro(semaphore.acquire())));
  co_await settle();
  for (const int number : shuffled(very_many)) {
    if (number % 2 == 1) tasks[static_cast<std::size_t>(number)].cancel();
  }
  for (int i = 0; i < very_many / 2; ++i) semaphore.release();
  co_await settle();
  int woken = 0;
  for (const Task<>& task : tasks) woken += task.done() && !task.cancelled() ? 1 : 0;
  EXPECT_EQ(woken, very_many / 2);
  EXPECT_TRUE(semaphore.locked());
}

ASYNC_TEST(ComplexityOfWaiting, very_many_may_wait_for_one_end_and_leave_in_any_order) {
  const Future<> future;
  const auto wait_for_end = [](Future<> awaited) -> Coro<> { co_await awaited.ended(); };
  std::vector<Task<>> tasks;
  for (int i = 0; i < very_many; ++i) tasks.push_back(create_task(wait_for_end(future)));
  co_await settle();
  for (const int number : shuffled(very_many)) {
    if (number % 2 == 1) tasks[static_cast<std::size_t>(number)].cancel();
  }
  co_await settle();
  future.set_result();
  co_await settle();
  int woken = 0;
  for (const Task<>& task : tasks) woken += task.done() && !task.cancelled() ? 1 : 0;
  EXPECT_EQ(woken, very_many / 2);
}

ASYNC_TEST(ComplexityOfWaiting, as_completed_gives_very_many_in_whatever_order_they_end) {
  std::vector<Future<int>> futures(very_many);
  auto ends = as_completed(futures);
  const std::vector<int> order = shuffled(very_many);
  std::vector<int> given;
  const auto collect = [&]() -> Coro<> {
    while (auto future = co_await ends.next()) given.push_back(future->result());
  };
  const Task<> collector = create_task(collect);
  co_await settle();
  for (const int number : order) {
    futures[static_cast<std::size_t>(number)].set_result(number);
    if (number % many == 0) co_await settle();
  }
  co_await collector;
  EXPECT_EQ(given, order);
}

// Counts its copies.
struct Counted {
  Counted() = default;
  Counted(const Counted& /*other*/) { ++copies; }
  Counted& operator=(const Counted&) = delete;
  static inline int copies = 0;
};

ASYNC_TEST(ComplexityOfWaiting, readers_that_lag_cost_a_broadcast_nothing) {
  constexpr int capacity = 4;
  Broadcast<Counted> news(capacity);
  std::vector<Broadcast<Counted>::Subscription> readers;
  for (int i = 0; i < many; ++i) readers.push_back(news.subscribe());
  Counted::copies = 0;
  for (int i = 0; i < very_many; ++i) news.send(Counted());
  const int sent = Counted::copies;
  EXPECT_LE(sent, 2 * very_many);  // into the broadcast, whoever reads
  for (auto& reader : readers) {
    std::uint64_t missed = 0;
    try {
      co_await reader.next();
    } catch (const Lagged& lagged) {
      missed = lagged.count();
    }
    EXPECT_EQ(missed, std::uint64_t{very_many - capacity});
    for (int i = 0; i < capacity; ++i) EXPECT_TRUE((co_await reader.next()).has_value());
    EXPECT_EQ(reader.behind(), 0u);
  }
  EXPECT_LE(Counted::copies - sent, 2 * capacity * many);  // what has been lost is passed over in one step
}

}  // namespace
