// SPDX-License-Identifier: MIT
#include <asyncio/queue.h>

#include <asyncio/timeout.h>

#include "tests/sync/support.h"

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

template <class Q, class T>
Coro<> put(Q& queue, T item) {
  co_await queue.put(std::move(item));
}

// Takes one item into `log`.
Coro<> get(Queue<char>& queue, std::string& log) { log += co_await queue.get(); }

template <class Q>
std::string drain(Q& queue) {
  std::string items;
  while (!queue.empty()) items += queue.get_nowait();
  return items;
}

// How a put or get ended.
template <class T>
std::string outcome(const Task<T>& task) {
  if (!task.done()) return "waits";
  if (task.cancelled()) return "cancelled";
  try {
    task.result();
    return "done";
  } catch (const QueueShutDown&) {
    return "shut down";
  }
}

// BH-Q-01
ASYNC_TEST(Queue, gives_the_oldest_item_first) {
  Queue<char> queue;
  for (char c : std::string("abc")) co_await queue.put(c);
  EXPECT_EQ(drain(queue), "abc");
}

// BH-Q-01
ASYNC_TEST(LifoQueue, gives_the_youngest_item_first) {
  LifoQueue<char> queue(3);
  for (char c : std::string("abc")) co_await queue.put(c);
  EXPECT_TRUE(queue.full());
  EXPECT_EQ(drain(queue), "cba");
}

// BH-Q-01
ASYNC_TEST(PriorityQueue, gives_the_smallest_item_first) {
  PriorityQueue<char> queue;
  for (char c : std::string("hbxafbz")) co_await queue.put(c);
  EXPECT_EQ(drain(queue), "abbfhxz");
}

// BH-Q-15
ASYNC_TEST(PriorityQueue, gives_the_oldest_of_equal_items_first) {
  const auto by_first = [](const std::pair<int, int>& a, const std::pair<int, int>& b) { return a.first < b.first; };
  PriorityQueue<std::pair<int, int>, decltype(by_first)> queue(0, by_first);
  for (int i = 0; i < 200; ++i) co_await queue.put({(i * 7) % 5, i});
  auto last = queue.get_nowait();
  for (int i = 1; i < 200; ++i) {
    auto next = queue.get_nowait();
    EXPECT_LT(last, next);  // by priority, and then by age
    last = next;
  }
  EXPECT_TRUE(queue.empty());
}

ASYNC_TEST(PriorityQueue, can_be_turned_round) {
  PriorityQueue<int, std::greater<int>> queue;
  co_await queue.put(1);
  co_await queue.put(3);
  co_await queue.put(2);
  EXPECT_EQ(co_await queue.get(), 3);
}

// BH-Q-01
TEST(Queue, knows_its_size) {
  Queue<int> unbounded;
  EXPECT_EQ(unbounded.maxsize(), 0);
  Queue<int> negative(-3);
  EXPECT_EQ(negative.maxsize(), -3);
  for (int i = 0; i < 1000; ++i) {
    unbounded.put_nowait(i);
    negative.put_nowait(i);
  }
  EXPECT_EQ(unbounded.qsize(), 1000);
  EXPECT_FALSE(unbounded.full());
  EXPECT_FALSE(negative.full());

  Queue<int> queue(2);
  EXPECT_EQ(queue.maxsize(), 2);
  EXPECT_TRUE(queue.empty());
  EXPECT_FALSE(queue.full());
  queue.put_nowait(1);
  EXPECT_EQ(queue.qsize(), 1);
  EXPECT_FALSE(queue.empty());
  EXPECT_FALSE(queue.full());
  queue.put_nowait(2);
  EXPECT_EQ(queue.qsize(), 2);
  EXPECT_TRUE(queue.full());
}

// BH-Q-02
ASYNC_TEST(Queue, suspends_only_where_it_is_full_or_empty) {
  Queue<int> queue(1);
  EXPECT_FALSE(co_await suspends(queue.put(1)));
  EXPECT_FALSE(co_await suspends(queue.get()));

  auto getter = create_task(queue.get());
  co_await settle();
  EXPECT_EQ(reason(getter), "Queue.get");
  EXPECT_FALSE(co_await suspends(queue.put(2)));
  EXPECT_EQ(co_await getter, 2);

  co_await queue.put(3);
  auto putter = create_task(queue.put(4));
  co_await settle();
  EXPECT_EQ(reason(putter), "Queue.put");
  EXPECT_EQ(co_await queue.get(), 3);
  co_await putter;
  EXPECT_EQ(queue.get_nowait(), 4);
}

// BH-Q-02
TEST(Queue, throws_instead_of_waiting_where_it_is_asked_to) {
  Queue<std::string> queue(1);
  EXPECT_THROW(queue.get_nowait(), QueueEmpty);
  queue.put_nowait("first");
  std::string second = "second";
  EXPECT_THROW(queue.put_nowait(std::move(second)), QueueFull);
  EXPECT_EQ(second, "second");  // not moved from
  EXPECT_EQ(queue.get_nowait(), "first");
  EXPECT_EQ(queue.qsize(), 0);
}

// BH-Q-03
ASYNC_TEST(Queue, serves_waiting_getters_in_arrival_order) {
  Queue<char> queue;
  std::string log;
  auto a = create_task(get(queue, log));
  auto b = create_task(get(queue, log));
  auto c = create_task(get(queue, log));
  co_await settle();
  queue.put_nowait('1');
  co_await settle();
  EXPECT_EQ(log, "1");
  EXPECT_TRUE(a.done());
  queue.put_nowait('2');
  queue.put_nowait('3');
  co_await settle();
  EXPECT_EQ(log, "123");
  EXPECT_TRUE(b.done());
  EXPECT_TRUE(c.done());
}

// BH-Q-03
ASYNC_TEST(Queue, serves_waiting_putters_in_arrival_order) {
  Queue<char> queue(1);
  co_await queue.put('0');
  std::vector<Task<>> putters;
  for (char c : std::string("abc")) putters.push_back(create_task(put(queue, c)));
  co_await settle();
  EXPECT_EQ(queue.get_nowait(), '0');
  EXPECT_TRUE(queue.full());  // the place went to the first putter at once
  EXPECT_THROW(queue.put_nowait('x'), QueueFull);
  co_await settle();
  EXPECT_EQ(outcome(putters[0]) + outcome(putters[1]), "donewaits");
  std::string rest;
  while (!queue.empty()) rest += queue.get_nowait();
  EXPECT_EQ(rest, "abc");
}

// BH-Q-04
ASYNC_TEST(Queue, keeps_an_item_for_the_getter_that_it_woke) {
  Queue<char> queue;
  std::string log;
  auto getter = create_task(get(queue, log));
  co_await settle();
  queue.put_nowait('a');
  EXPECT_TRUE(queue.empty());
  EXPECT_THROW(queue.get_nowait(), QueueEmpty);
  auto late = create_task(get(queue, log));
  co_await settle();
  EXPECT_EQ(log, "a");
  EXPECT_TRUE(getter.done());
  EXPECT_FALSE(late.done());
  queue.put_nowait('b');
  co_await late;
  EXPECT_EQ(log, "ab");
}

// BH-Q-05
ASYNC_TEST(Queue, leaves_the_item_with_a_getter_that_is_cancelled_after_the_hand_over) {
  Queue<char> queue;
  std::string log;
  auto a = create_task(get(queue, log));
  auto b = create_task(get(queue, log));
  co_await settle();
  queue.put_nowait('1');
  a.cancel();
  co_await settle();
  EXPECT_EQ(log, "1");
  EXPECT_EQ(outcome(a) + outcome(b), "donewaits");
  queue.put_nowait('2');
  co_await settle();
  EXPECT_EQ(log, "12");
}

// BH-Q-05
ASYNC_TEST(Queue, gives_nothing_to_a_getter_that_was_cancelled_before) {
  Queue<char> queue;
  std::string log;
  auto a = create_task(get(queue, log));
  auto b = create_task(get(queue, log));
  co_await settle();
  a.cancel();
  queue.put_nowait('1');
  queue.put_nowait('2');
  co_await settle();
  EXPECT_EQ(outcome(a), "cancelled");
  EXPECT_EQ(log, "1");
  EXPECT_EQ(drain(queue), "2");
}

// BH-Q-06
ASYNC_TEST(Queue, has_the_item_of_a_putter_that_is_cancelled_after_its_place_was_free) {
  Queue<char> queue(1);
  co_await queue.put('0');
  auto a = create_task(put(queue, 'a'));
  auto b = create_task(put(queue, 'b'));
  co_await settle();
  EXPECT_EQ(queue.get_nowait(), '0');
  a.cancel();
  co_await settle();
  EXPECT_EQ(outcome(a) + outcome(b), "donewaits");
  EXPECT_EQ(drain(queue), "ab");
}

// BH-Q-06
ASYNC_TEST(Queue, does_not_have_the_item_of_a_putter_that_was_cancelled_before) {
  Queue<char> queue(1);
  co_await queue.put('0');
  auto a = create_task(put(queue, 'a'));
  auto b = create_task(put(queue, 'b'));
  co_await settle();
  a.cancel();
  co_await settle();
  EXPECT_EQ(outcome(a), "cancelled");
  EXPECT_EQ(queue.get_nowait(), '0');
  EXPECT_EQ(drain(queue), "b");
  co_await settle();
  EXPECT_EQ(outcome(b), "done");
}

// BH-Q-07
ASYNC_TEST(Queue, keeps_nothing_of_a_wait_that_was_cancelled) {
  Queue<std::string> queue;
  std::size_t memory = 0;
  for (int i = 0; i < 300; ++i) {
    {
      auto getter = create_task(queue.get());
      co_await sleep(1ms);
      getter.cancel();
      co_await settle();
      EXPECT_EQ(outcome(getter), "cancelled");
    }
    if (i == 10) memory = detail::FramePool::bytes_in_use();
  }
  EXPECT_EQ(detail::FramePool::bytes_in_use(), memory);
  queue.put_nowait("nobody waits");
  EXPECT_EQ(queue.qsize(), 1);
}

// BH-Q-07, BH-Q-08
ASYNC_TEST(Queue, can_be_asked_with_a_time_limit_again_and_again) {
  Queue<int> queue;
  int timeouts = 0;
  std::size_t memory = 0;
  for (int i = 0; i < 100; ++i) {
    const bool timed_out = co_await throws<TimeoutError>(wait_for(queue.get(), 1s));
    timeouts += timed_out ? 1 : 0;
    if (i == 10) memory = detail::FramePool::bytes_in_use();
  }
  EXPECT_EQ(timeouts, 100);
  EXPECT_EQ(detail::FramePool::bytes_in_use(), memory);

  get_running_loop().call_later(1s, [&] { queue.put_nowait(7); });  // when the limit ends
  int got = 0;
  try {
    got = co_await wait_for(queue.get(), 1s);
  } catch (const TimeoutError&) {
    got = queue.get_nowait();
  }
  EXPECT_EQ(got, 7);
  EXPECT_TRUE(queue.empty());
}

// BH-Q-08
ASYNC_TEST(Queue, loses_no_item_that_comes_together_with_a_deadline) {
  for (const bool item_first : {true, false}) {
    Queue<char> queue;
    std::string log;
    auto getter = create_task(get(queue, log));
    co_await settle();
    if (item_first) queue.put_nowait('a');
    getter.cancel();
    if (!item_first) queue.put_nowait('a');
    co_await settle();
    EXPECT_EQ(log + drain(queue), "a");
    EXPECT_EQ(log.empty(), !item_first);
  }
}

ASYNC_TEST(Queue, carries_items_that_can_only_be_moved) {
  Queue<std::unique_ptr<int>> queue(1);
  auto getter = create_task(queue.get());
  co_await settle();
  co_await queue.put(std::make_unique<int>(1));  // to the getter
  EXPECT_EQ(*co_await std::move(getter), 1);

  co_await queue.put(std::make_unique<int>(2));
  auto putter = create_task(put(queue, std::make_unique<int>(3)));
  co_await settle();
  auto second = co_await queue.get();
  EXPECT_EQ(*second, 2);
  auto third = co_await queue.next();
  EXPECT_EQ(**third, 3);
  queue.put_nowait(std::make_unique<int>(4));
  EXPECT_EQ(*queue.get_nowait(), 4);

  PriorityQueue<std::unique_ptr<int>> by_address;
  LifoQueue<std::unique_ptr<int>> stack;
  co_await by_address.put(std::make_unique<int>(5));
  co_await stack.put(std::make_unique<int>(6));
  EXPECT_EQ(*by_address.get_nowait(), 5);
  EXPECT_EQ(*stack.get_nowait(), 6);
}

ASYNC_TEST(Queue, serves_waiters_of_the_other_two_kinds_alike) {
  PriorityQueue<char> smallest(2);
  LifoQueue<char> youngest(2);
  std::vector<Task<>> putters;
  for (char c : std::string("cabd")) {
    putters.push_back(create_task(put(smallest, c)));
    putters.push_back(create_task(put(youngest, c)));
  }
  co_await settle();
  std::string from_smallest;
  std::string from_youngest;
  for (int i = 0; i < 4; ++i) {
    from_smallest += co_await smallest.get();
    from_youngest += co_await youngest.get();
  }
  EXPECT_EQ(from_smallest, "abcd");
  EXPECT_EQ(from_youngest, "abdc");
  auto getter = create_task(smallest.get());
  co_await settle();
  smallest.put_nowait('x');
  EXPECT_EQ(co_await getter, 'x');
}

TEST(Queue, destroys_what_it_holds) {
  auto token = std::make_shared<int>(0);
  {
    Queue<std::shared_ptr<int>> queue;
    for (int i = 0; i < 20; ++i) queue.put_nowait(token);
    for (int i = 0; i < 7; ++i) queue.get_nowait();
    EXPECT_EQ(token.use_count(), 1 + 13);
  }
  EXPECT_EQ(token.use_count(), 1);
}

TEST(Queue, destroys_the_item_of_a_getter_that_never_runs_again) {
  auto token = std::make_shared<int>(0);
  Queue<std::shared_ptr<int>> queue(1);
  {
    EventLoop loop;
    loop.set_exception_handler([](EventLoop&, const ExceptionContext&) {});
    auto getter = loop.create_task(detail::as_coro(queue.get()));
    loop.run_until_complete(settle());
    queue.put_nowait(token);
    queue.put_nowait(token);
    auto putter = loop.create_task(put(queue, token));
    loop.close();
    EXPECT_TRUE(getter.cancelled());
    EXPECT_TRUE(putter.cancelled());
  }
  EXPECT_EQ(token.use_count(), 1 + 1);
  EXPECT_EQ(queue.qsize(), 1);
}

TEST(Queue, belongs_to_a_loop_while_somebody_waits) {
  Queue<int> queue(1);
  EXPECT_TRUE(refuses_a_second_loop([&] { return queue.get(); }, [&] { queue.put_nowait(1); }));
  queue.put_nowait(1);
  EXPECT_TRUE(refuses_a_second_loop([&] { return queue.put(2); }, [&] { queue.get_nowait(); }));
  EXPECT_EQ(run(queue.get()), 2);
}

ASYNC_TEST(Queue, may_go_before_the_tasks_that_wait_for_items) {
  std::string log;
  auto queue = std::make_unique<Queue<char>>(1);
  auto getter = create_task(get(*queue, log));
  auto full = std::make_unique<Queue<char>>(1);
  full->put_nowait('a');
  auto putter = create_task(put(*full, 'b'));
  auto joiner = create_task(full->join());
  co_await settle();
  queue.reset();
  full.reset();
  getter.cancel();
  putter.cancel();
  joiner.cancel();
  co_await settle();
  EXPECT_EQ(outcome(getter) + outcome(putter) + outcome(joiner), "cancelledcancelledcancelled");
}

// BH-Q-09, BH-Q-10
ASYNC_TEST(Queue, is_joined_when_each_item_has_had_its_task_done) {
  Queue<char> queue;
  EXPECT_FALSE(co_await suspends(queue.join()));
  EXPECT_THROW(queue.task_done(), ValueError);

  queue.put_nowait('a');
  queue.put_nowait('b');
  auto first = create_task(queue.join());
  auto second = create_task(queue.join());
  co_await settle();
  EXPECT_EQ(reason(first), "Queue.join");
  EXPECT_EQ(drain(queue), "ab");
  co_await settle();
  EXPECT_EQ(outcome(first), "waits");  // to take an item is not to finish it

  queue.task_done();
  co_await settle();
  EXPECT_EQ(outcome(first) + outcome(second), "waitswaits");
  queue.task_done();
  co_await settle();
  EXPECT_EQ(outcome(first) + outcome(second), "donedone");
  EXPECT_THROW(queue.task_done(), ValueError);
  EXPECT_FALSE(co_await suspends(queue.join()));
}

// BH-Q-09
ASYNC_TEST(Queue, counts_the_items_that_were_handed_over_for_join) {
  Queue<char> queue(1);
  std::string log;
  auto getter = create_task(get(queue, log));
  co_await settle();
  queue.put_nowait('a');  // to the getter
  queue.put_nowait('b');
  auto putter = create_task(put(queue, 'c'));
  co_await settle();
  EXPECT_EQ(drain(queue), "bc");
  co_await settle();
  queue.task_done();
  queue.task_done();
  auto joiner = create_task(queue.join());
  co_await settle();
  EXPECT_EQ(outcome(joiner), "waits");
  queue.task_done();
  co_await settle();
  EXPECT_EQ(outcome(joiner), "done");
  EXPECT_THROW(queue.task_done(), ValueError);
}

}  // namespace
