// SPDX-License-Identifier: MIT
#include <asyncio/wait.h>

#include <asyncio/testing.h>

#include <stdexcept>
#include <string>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

TimePoint now() { return get_running_loop().time(); }

Coro<int> later(std::chrono::nanoseconds delay, int value) {
  co_await sleep(delay);
  co_return value;
}

Coro<int> fail_after(std::chrono::nanoseconds delay) {
  co_await sleep(delay);
  throw std::runtime_error("no");
}

// BH-WAIT-01
ASYNC_TEST(Wait, splits_the_tasks_into_done_and_pending_in_their_order) {
  const TimePoint start = now();
  std::vector<Task<int>> tasks;
  for (const auto delay : {3s, 1s, 2s, 1s}) tasks.push_back(create_task(later(delay, 0)));
  auto first = co_await wait(tasks, {.return_when = FIRST_COMPLETED});
  EXPECT_EQ(now(), start + 1s);
  // The last ended in the same iteration.
  EXPECT_EQ(first.done, (std::vector{tasks[1], tasks[3]}));
  EXPECT_EQ(first.pending, (std::vector{tasks[0], tasks[2]}));
  auto all = co_await wait(tasks);
  EXPECT_EQ(now(), start + 3s);
  EXPECT_EQ(all.done, tasks);
  EXPECT_TRUE(all.pending.empty());
}

// BH-WAIT-01
ASYNC_TEST(Wait, counts_a_task_once) {
  Task<int> a = create_task(later(1s, 1));
  Task<int> b = create_task(later(2s, 2));
  const std::vector<Task<int>> tasks{a, b, a};
  auto waited = co_await wait(tasks, {.timeout = 1500ms});
  EXPECT_EQ(waited.done, std::vector{a});
  EXPECT_EQ(waited.pending, std::vector{b});
  co_await b;
}

ASYNC_TEST(Wait, takes_tasks_of_different_types_and_futures) {
  const auto nothing = []() -> Coro<> { co_await sleep(1s); };
  Task<int> a = create_task(later(1s, 1));
  Task<> b = create_task(nothing());
  const std::vector<AnyTask> tasks{a, b};
  auto waited = co_await wait(tasks);
  EXPECT_EQ(waited.done.size(), 2u);

  Future<int> future;
  get_running_loop().call_later(1s, [&] { future.set_result(1); });
  const std::vector<Future<int>> pair{future, Future<int>()};
  auto futures = co_await wait(pair, {.return_when = FIRST_COMPLETED});
  EXPECT_EQ(futures.done, std::vector{future});
}

// BH-WAIT-02
ASYNC_TEST(Wait, refuses_nothing_and_nonsense) {
  EXPECT_THROW((void)wait(std::vector<Task<int>>()), ValueError);
  Future<int> future;
  EXPECT_THROW((void)wait(std::vector{future}, {.return_when = static_cast<ReturnWhen>(7)}), ValueError);
  EventLoop other;
  EXPECT_THROW((void)wait(std::vector{other.create_future<int>()}), ValueError);
  co_return;
}

// BH-WAIT-03
ASYNC_TEST(Wait, ends_with_its_timeout_without_an_error_and_cancels_nothing) {
  const TimePoint start = now();
  std::vector<Task<int>> tasks{create_task(later(1s, 1)), create_task(later(3s, 2))};
  auto waited = co_await wait(tasks, {.timeout = 2s});
  EXPECT_EQ(now(), start + 2s);
  EXPECT_EQ(waited.done, std::vector{tasks[0]});
  EXPECT_EQ(waited.pending, std::vector{tasks[1]});
  EXPECT_EQ(co_await tasks[1], 2);
}

// BH-WAIT-03
ASYNC_TEST(Wait, without_time_lets_what_is_ready_run_once) {
  std::vector<Task<int>> tasks{create_task(later(1h, 1))};
  const auto at_once = []() -> Coro<int> { co_return 2; };
  tasks.push_back(create_task(at_once()));
  auto waited = co_await wait(tasks, {.timeout = 0s});
  EXPECT_EQ(waited.done, std::vector{tasks[1]});
  EXPECT_EQ(waited.pending, std::vector{tasks[0]});
  tasks[0].cancel();
  co_await settle();
}

// BH-WAIT-04
ASYNC_TEST(Wait, that_is_cancelled_leaves_the_tasks_alone) {
  std::vector<Task<int>> tasks{create_task(later(1s, 1)), create_task(later(2s, 2))};
  auto waiter = create_task(wait(tasks, {.timeout = 1h}));
  co_await settle();
  waiter.cancel();
  co_await settle();
  EXPECT_TRUE(waiter.cancelled());
  EXPECT_EQ(tasks[0].cancelling(), 0);
  for (const Task<int>& task : tasks) EXPECT_TRUE(task.state().joiners().empty());
  EXPECT_EQ(co_await tasks[1], 2);
}

// BH-WAIT-05
ASYNC_TEST(Wait, for_the_first_exception_does_not_count_a_cancel) {
  const TimePoint start = now();
  std::vector<Task<int>> tasks{create_task(later(1h, 1)), create_task(fail_after(2s)), create_task(later(5s, 3))};
  get_running_loop().call_later(1s, [&] { tasks[0].cancel(); });
  auto waited = co_await wait(tasks, {.return_when = FIRST_EXCEPTION});
  EXPECT_EQ(now(), start + 2s);
  EXPECT_EQ(waited.done, (std::vector{tasks[0], tasks[1]}));
  EXPECT_EQ(waited.pending, std::vector{tasks[2]});
  EXPECT_TRUE(tasks[1].exception() != nullptr);

  const std::vector<Task<int>> others{tasks[0], tasks[2]};
  auto rest = co_await wait(others, {.return_when = FIRST_EXCEPTION});
  EXPECT_EQ(now(), start + 5s);
  EXPECT_EQ(rest.done.size(), 2u);
  auto at_once = co_await wait(tasks, {.return_when = FIRST_EXCEPTION});
  EXPECT_EQ(at_once.done.size(), 3u);
}

// BH-WAIT-05
ASYNC_TEST(Wait, for_the_first_completed_counts_a_cancel) {
  const TimePoint start = now();
  std::vector<Task<int>> tasks{create_task(later(1h, 1)), create_task(later(5s, 3))};
  get_running_loop().call_later(1s, [&] { tasks[0].cancel(); });
  auto waited = co_await wait(tasks, {.return_when = FIRST_COMPLETED});
  EXPECT_EQ(now(), start + 1s);
  EXPECT_EQ(waited.done, std::vector{tasks[0]});
  co_await tasks[1];
}

// BH-WAIT-06
ASYNC_TEST(Wait, leaves_exceptions_in_the_tasks) {
  {
    std::vector<Task<int>> tasks{create_task(fail_after(1s))};
    auto waited = co_await wait(std::move(tasks));
    EXPECT_EQ(waited.done.size(), 1u);
    EXPECT_TRUE(take_reports().empty());
  }
  EXPECT_EQ(take_reports(), std::vector<std::string>{"Task exception was never retrieved: no"});
}

ASYNC_TEST(Wait, does_not_wait_where_enough_have_ended) {
  std::vector<Task<int>> tasks{create_task(later(0s, 1)), create_task(later(1h, 2))};
  co_await sleep(1s);
  bool other_ran = false;
  get_running_loop().call_soon([&] { other_ran = true; });
  auto waited = co_await wait(tasks, {.return_when = FIRST_COMPLETED});
  EXPECT_EQ(waited.done.size(), 1u);
  EXPECT_FALSE(other_ran);
  tasks[1].cancel();
  co_await settle();
}

}  // namespace
