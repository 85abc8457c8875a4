// SPDX-License-Identifier: MIT
#include <asyncio/testing.h>
#include <asyncio/wait.h>

#include <stdexcept>
#include <string>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

Coro<int> later(std::chrono::nanoseconds delay, int value) {
  co_await sleep(delay);
  co_return value;
}

// The value of the task that comes next; 0 after the last, -1 where the time is over.
template <class Ends>
Coro<int> next_value(Ends& ends) {
  int value = 0;
  try {
    auto task = co_await ends.next();
    if (task.has_value()) value = task->result();
  } catch (const TimeoutError&) {
    value = -1;
  }
  co_return value;
}

// BH-ASC-01
ASYNC_TEST(AsCompleted, gives_the_tasks_in_the_order_of_their_ends) {
  std::vector<Task<int>> tasks{create_task(later(3s, 0)), create_task(later(1s, 1)), create_task(later(2s, 2))};
  auto ends = as_completed(tasks);
  std::vector<Task<int>> order;
  while (auto task = co_await ends.next()) {
    EXPECT_TRUE(task->done());
    order.push_back(*task);
  }
  EXPECT_EQ(order, (std::vector{tasks[1], tasks[2], tasks[0]}));
  EXPECT_EQ(co_await next_value(ends), 0);
}

// BH-ASC-01
ASYNC_TEST(AsCompleted, makes_tasks_of_coroutines) {
  std::vector<Coro<int>> coros;
  coros.push_back(later(2s, 1));
  coros.push_back(later(1s, 2));
  auto ends = as_completed(std::move(coros));
  EXPECT_EQ(co_await next_value(ends), 2);
  EXPECT_EQ(co_await next_value(ends), 1);
  EXPECT_EQ(co_await next_value(ends), 0);
}

// BH-ASC-02
ASYNC_TEST(AsCompleted, gives_each_of_several_consumers_another_task) {
  std::vector<Task<int>> tasks{create_task(later(3s, 1)), create_task(later(1s, 2)), create_task(later(2s, 3))};
  auto ends = as_completed(tasks);
  std::vector<Task<int>> consumers;
  for (int i = 0; i < 4; ++i) consumers.push_back(create_task(next_value(ends)));
  co_await sleep(5s);
  std::vector<int> values;
  for (const Task<int>& consumer : consumers) values.push_back(consumer.result());
  EXPECT_EQ(values, (std::vector{2, 3, 1, 0}));
}

// BH-ASC-03
ASYNC_TEST(AsCompleted, throws_at_the_end_of_its_time_once_for_each_task_that_is_left) {
  std::vector<Task<int>> tasks{create_task(later(1s, 1)), create_task(later(10s, 2)), create_task(later(20s, 3))};
  auto ends = as_completed(tasks, {.timeout = 5s});
  std::vector<int> values;
  for (int i = 0; i < 4; ++i) values.push_back(co_await next_value(ends));
  EXPECT_EQ(values, (std::vector{1, -1, -1, 0}));
  EXPECT_EQ(tasks[1].cancelling(), 0);
  EXPECT_EQ(co_await tasks[2], 3);
}

// BH-ASC-03
ASYNC_TEST(AsCompleted, tells_all_who_wait_that_the_time_is_over) {
  auto ends = as_completed(std::vector{create_task(later(10s, 1))}, {.timeout = 1s});
  auto first = create_task(next_value(ends));
  auto second = create_task(next_value(ends));
  co_await sleep(2s);
  EXPECT_EQ(first.result(), -1);
  EXPECT_EQ(second.result(), 0);
  co_await sleep(20s);
}

// BH-ASC-03
ASYNC_TEST(AsCompleted, without_time_gives_what_has_ended) {
  std::vector<Task<int>> tasks{create_task(later(0s, 1)), create_task(later(1s, 2))};
  co_await settle();
  auto ends = as_completed(tasks, {.timeout = 0s});
  EXPECT_EQ(co_await next_value(ends), 1);
  EXPECT_EQ(co_await next_value(ends), -1);
  EXPECT_EQ(co_await next_value(ends), 0);
  EXPECT_EQ(co_await tasks[1], 2);
}

// BH-ASC-04
ASYNC_TEST(AsCompleted, gives_what_ended_in_time_however_late_it_is_asked_for) {
  std::vector<Task<int>> tasks{create_task(later(1s, 1)), create_task(later(2s, 2)), create_task(later(4s, 3))};
  auto ends = as_completed(tasks, {.timeout = 3s});
  co_await sleep(1h);
  std::vector<int> values;
  for (int i = 0; i < 4; ++i) values.push_back(co_await next_value(ends));
  EXPECT_EQ(values, (std::vector{1, 2, -1, 0}));
}

// BH-ASC-05
ASYNC_TEST(AsCompleted, gives_a_task_once_and_of_nothing_nothing) {
  Task<int> task = create_task(later(1s, 1));
  auto ends = as_completed(std::vector{task, task});
  EXPECT_EQ(co_await next_value(ends), 1);
  EXPECT_EQ(co_await next_value(ends), 0);
  auto none = as_completed(std::vector<Task<int>>(), {.timeout = 1s});
  EXPECT_EQ(co_await next_value(none), 0);
}

// BH-ASC-05
ASYNC_TEST(AsCompleted, can_be_left_and_taken_up_again) {
  std::vector<Task<int>> tasks{create_task(later(1s, 1)), create_task(later(2s, 2)), create_task(later(3s, 3))};
  auto ends = as_completed(tasks);
  EXPECT_EQ(co_await next_value(ends), 1);
  co_await sleep(1h);
  auto moved = std::move(ends);
  EXPECT_EQ(co_await next_value(moved), 2);
  {
    auto dropped = std::move(moved);
  }
  EXPECT_EQ(tasks[2].result(), 3);
}

// BH-ASC-06
ASYNC_TEST(AsCompleted, whose_consumer_is_cancelled_loses_nothing) {
  std::vector<Task<int>> tasks{create_task(later(1s, 1)), create_task(later(2s, 2))};
  auto ends = as_completed(tasks);
  auto consumer = create_task(next_value(ends));
  co_await settle();
  consumer.cancel();
  co_await settle();
  EXPECT_TRUE(consumer.cancelled());
  EXPECT_EQ(co_await next_value(ends), 1);
  EXPECT_EQ(co_await next_value(ends), 2);
}

ASYNC_TEST(AsCompleted, that_is_dropped_cancels_nothing) {
  Task<int> task = create_task(later(1s, 1));
  {
    auto ends = as_completed(std::vector{task}, {.timeout = 1h});
  }
  EXPECT_EQ(co_await task, 1);
}

}  // namespace
