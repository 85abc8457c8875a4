// SPDX-License-Identifier: MIT
#include <asyncio/gather.h>

#include <asyncio/cancel_scope.h>
#include <asyncio/task_factory.h>
#include <asyncio/testing.h>
#include <asyncio/with.h>

#include "tests/ending.h"

#include <list>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

TimePoint now() { return get_running_loop().time(); }

template <class T>
Coro<T> later(std::chrono::nanoseconds delay, T value) {
  co_await sleep(delay);
  co_return value;
}

Coro<> nap(std::chrono::nanoseconds delay) { co_await sleep(delay); }

Coro<int> fail_after(std::chrono::nanoseconds delay, std::string text) {
  co_await sleep(delay);
  throw std::runtime_error(text);
}

// Waits for an hour; gives a value when it is cancelled.
Coro<int> stubborn(int value) {
  try {
    co_await sleep(1h);
  } catch (const CancelledError&) {
  }
  co_return value;
}

// BH-GATH-01
ASYNC_TEST(Gather, gives_the_values_in_the_order_of_the_arguments) {
  const TimePoint start = now();
  auto values = co_await gather(later(3s, 1), nap(1s), later(2s, std::string("three")));
  EXPECT_EQ(std::get<0>(values), 1);
  EXPECT_EQ(std::get<1>(values), std::monostate());
  EXPECT_EQ(std::get<2>(values), "three");
  EXPECT_EQ(now(), start + 3s);
}

// BH-GATH-01
ASYNC_TEST(Gather, takes_a_range) {
  std::vector<Coro<int>> coros;
  for (int i = 0; i < 100; ++i) coros.push_back(later((100 - i) * 1s, i));
  const std::vector<int> values = co_await gather(std::move(coros));
  require(values.size() == 100);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(values[static_cast<std::size_t>(i)], i);

  std::list<Coro<>> naps;
  naps.push_back(nap(1s));
  naps.push_back(nap(2s));
  const std::vector<std::monostate> nothing = co_await gather(std::move(naps));
  EXPECT_EQ(nothing.size(), 2u);

  std::vector<Coro<std::unique_ptr<int>>> owners;
  owners.push_back(later(1s, std::make_unique<int>(4)));
  auto owned = co_await gather(std::move(owners));
  EXPECT_EQ(*owned.front(), 4);
}

// BH-GATH-01
ASYNC_TEST(Gather, copies_tasks_out_of_a_range) {
  std::vector<Task<int>> tasks{create_task(later(1s, 1)), create_task(later(2s, 2))};
  const std::vector<int> values = co_await gather(tasks);
  EXPECT_EQ(values, (std::vector{1, 2}));
  EXPECT_EQ(tasks[0].result(), 1);
  const std::vector<int> viewed = co_await gather(std::span(tasks));
  EXPECT_EQ(viewed, values);
  EXPECT_EQ(tasks[1].result(), 2);
  const std::vector<int> moved = co_await gather(std::move(tasks));
  EXPECT_EQ(moved, values);
}

// BH-GATH-01
ASYNC_TEST(Gather, of_nothing_is_done) {
  auto none = gather();
  EXPECT_TRUE(none.done());
  co_await none;
  auto empty = gather(std::vector<Coro<int>>());
  EXPECT_TRUE(empty.done());
  EXPECT_FALSE(empty.cancel());
  const std::vector<int> values = co_await empty;
  EXPECT_TRUE(values.empty());
}

// BH-GATH-01
ASYNC_TEST(Gather, runs_a_task_that_is_given_twice_once) {
  int runs = 0;
  const auto count = [](int& times) -> Coro<int> {
    co_await sleep(1s);
    co_return ++times;
  };
  Task<int> task = create_task(count(runs));
  auto values = co_await gather(task, task);
  EXPECT_EQ(values, std::tuple(1, 1));
  EXPECT_EQ(runs, 1);
  const std::vector<Task<int>> twice{task, task};
  const std::vector<int> listed = co_await gather(twice);
  EXPECT_EQ(listed, (std::vector{1, 1}));
}

ASYNC_TEST(Gather, starts_its_children_at_the_call_and_in_order) {
  std::string log;
  const auto sign = [](std::string& text, char name) -> Coro<> {
    text += name;
    co_return;
  };
  auto all = gather(sign(log, 'a'), sign(log, 'b'), sign(log, 'c'));
  EXPECT_EQ(log, "");
  co_await settle();
  EXPECT_EQ(log, "abc");
  EXPECT_TRUE(all.done());
  co_await all;
}

ASYNC_TEST(Gather, gives_references) {
  int number = 5;
  const auto refer = [](int& value) -> Coro<int&> {
    co_await sleep(1s);
    co_return value;
  };
  auto values = co_await gather(refer(number), refer(number));
  EXPECT_EQ(&std::get<0>(values), &number);
  std::vector<Coro<int&>> coros;
  coros.push_back(refer(number));
  const std::vector<int*> pointers = co_await gather(std::move(coros));
  EXPECT_EQ(pointers, std::vector{&number});
}

// BH-GATH-02
ASYNC_TEST(Gather, throws_the_first_exception_and_lets_the_others_run_on) {
  const TimePoint start = now();
  Task<int> slow = create_task(later(10s, 1));
  const std::string end = co_await ending(gather(slow, fail_after(1s, "first"), fail_after(2s, "second")));
  EXPECT_EQ(end, "first");
  EXPECT_EQ(now(), start + 1s);
  EXPECT_FALSE(slow.done());
  co_await sleep(5s);  // the second exception is nobody's
  EXPECT_TRUE(take_reports().empty());
  EXPECT_EQ(co_await slow, 1);
}

// BH-GATH-02
ASYNC_TEST(Gather, drops_exceptions_that_came_together_with_the_first) {
  std::vector<Coro<int>> coros;
  for (int i = 0; i < 3; ++i) coros.push_back(fail_after(1s, std::to_string(i)));
  const std::string end = co_await ending(gather(std::move(coros)));
  EXPECT_EQ(end, "0");
}

ASYNC_TEST(Gather, does_not_keep_a_future_that_nobody_ends) {
  const std::string end = co_await ending(gather(Future<int>(), fail_after(1s, "first")));
  EXPECT_EQ(end, "first");
}

// BH-GATH-02
ASYNC_TEST(Gather, leaves_the_later_exception_of_a_future_to_who_set_it) {
  {
    Future<int> future;
    const std::string end = co_await ending(gather(future, fail_after(1s, "first")));
    EXPECT_EQ(end, "first");
    future.set_exception(std::runtime_error("later"));
  }
  EXPECT_EQ(take_reports(), std::vector<std::string>{"Future exception was never retrieved: later"});
}

// BH-GATH-03
ASYNC_TEST(Gather, gives_outcomes_where_it_is_asked_to) {
  Task<int> cancelled = create_task(later(1h, 1));
  cancelled.cancel();
  auto outcomes = co_await gather(return_exceptions, later(2s, 1), fail_after(1s, "no"), cancelled, nap(1s));
  EXPECT_EQ(std::get<0>(outcomes).value(), 1);
  EXPECT_FALSE(std::get<1>(outcomes).has_value());
  EXPECT_THROW(std::get<1>(outcomes).value(), std::runtime_error);
  EXPECT_THROW(std::get<2>(outcomes).value(), CancelledError);
  EXPECT_TRUE(std::get<3>(outcomes).has_value());

  std::vector<Coro<int>> coros;
  coros.push_back(fail_after(1s, "no"));
  coros.push_back(later(1s, 2));
  std::vector<Outcome<int>> list = co_await gather(return_exceptions, std::move(coros));
  EXPECT_FALSE(list[0]);
  EXPECT_EQ(list[1].value(), 2);
}

// BH-GATH-04
ASYNC_TEST(Gather, throws_the_cancelled_error_of_a_child_that_somebody_cancels) {
  Task<int> victim = create_task(later(1h, 1));
  Task<int> other = create_task(later(5s, 2));
  get_running_loop().call_later(1s, [&] { victim.cancel("you"); });
  std::string message;
  try {
    co_await gather(victim, other);
  } catch (const CancelledError& error) {
    message = error.message();
  }
  EXPECT_EQ(message, "you");
  EXPECT_EQ(current_task().cancelling(), 0);
  EXPECT_FALSE(other.done());
  EXPECT_EQ(co_await other, 2);
}

// BH-GATH-05
ASYNC_TEST(Gather, passes_a_cancel_on_to_every_child) {
  Task<int> done = create_task(later(1s, 1));
  Task<int> first = create_task(later(1h, 1));
  Task<int> second = create_task(later(1h, 2));
  const auto wait_for_all = [](Task<int> a, Task<int> b, Task<int> c) -> Coro<> { co_await gather(a, b, c); };
  auto caller = create_task(wait_for_all(done, first, second));
  co_await sleep(2s);
  caller.cancel("enough");
  co_await settle();
  EXPECT_TRUE(caller.cancelled());
  EXPECT_EQ(done.result(), 1);
  EXPECT_TRUE(first.cancelled());
  EXPECT_TRUE(second.cancelled());
  std::string message;
  try {
    co_await caller;
  } catch (const CancelledError& error) {
    message = error.message();
  }
  EXPECT_EQ(message, "enough");
}

// BH-GATH-05
ASYNC_TEST(Gather, of_outcomes_waits_for_all_children_when_it_is_cancelled) {
  const auto slow = []() -> Coro<int> {
    bool cancelled = false;
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
      cancelled = true;
    }
    if (cancelled) co_await sleep(5s);
    co_return 1;
  };
  const auto collect = [](Coro<int> a, Coro<int> b) -> Coro<> {
    co_await gather(return_exceptions, std::move(a), std::move(b));
    ADD_FAILURE() << "the list is not given";
  };
  auto caller = create_task(collect(slow(), later(1h, 2)));
  co_await settle();
  caller.cancel();
  co_await sleep(1s);
  EXPECT_FALSE(caller.done());
  co_await sleep(5s);
  EXPECT_TRUE(caller.cancelled());
}

// BH-GATH-05
ASYNC_TEST(Gather, that_is_cancelled_ends_with_the_first_child_that_fails) {
  const auto fails = []() -> Coro<int> {
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
    }
    throw std::runtime_error("in cleaning up");
  };
  auto caller = create_task(ending(gather(stubborn(1), fails())));
  co_await settle();
  caller.cancel();
  EXPECT_EQ(co_await caller, "in cleaning up");
}

ASYNC_TEST(Gather, passes_the_cancel_of_a_scope_on_and_throws_the_error_of_the_scope) {
  Task<int> child = create_task(later(1h, 1));
  CancelScope scope = move_on_after(1s);
  auto values = co_await with(scope, [&]() -> Coro<int> {
    auto gathered = co_await gather(child, stubborn(2));
    co_return std::get<1>(gathered);
  });
  EXPECT_FALSE(values.has_value());
  EXPECT_TRUE(scope.cancelled_caught());
  EXPECT_TRUE(child.cancelled());
  EXPECT_EQ(child.cancelling(), 1);

  CancelScope second = move_on_after(1s);
  co_await with(second, [&]() -> Coro<> { co_await gather(return_exceptions, later(1h, 1), stubborn(2)); });
  EXPECT_TRUE(second.cancelled_caught());
  EXPECT_EQ(current_task().cancelling(), 0);
}

// BH-GATH-06
ASYNC_TEST(Gather, that_is_cancelled_is_cancelled_even_if_no_child_is) {
  auto caller = create_task(gather(stubborn(1), stubborn(2)));
  auto outcomes = create_task(gather(return_exceptions, stubborn(1), stubborn(2)));
  auto by_itself = gather(stubborn(1), stubborn(2));
  co_await settle();
  caller.cancel();
  outcomes.cancel();
  EXPECT_TRUE(by_itself.cancel("so"));
  co_await settle();
  EXPECT_TRUE(caller.cancelled());
  EXPECT_TRUE(outcomes.cancelled());
  EXPECT_TRUE(by_itself.done());
  std::string message;
  try {
    co_await by_itself;
  } catch (const CancelledError& error) {
    message = error.message();
  }
  EXPECT_EQ(message, "so");
  EXPECT_EQ(current_task().cancelling(), 0);
}

// BH-GATH-07
ASYNC_TEST(Gather, cannot_be_cancelled_when_it_is_done) {
  Task<int> other = create_task(later(5s, 2));
  auto failed = gather(other, fail_after(1s, "x"));
  auto complete = gather(later(1s, 1));
  co_await sleep(2s);
  EXPECT_TRUE(failed.done());
  EXPECT_FALSE(failed.cancel());
  EXPECT_FALSE(complete.cancel());
  EXPECT_EQ(co_await ending(std::move(failed)), "x");
  EXPECT_EQ(co_await complete, std::tuple(1));
  EXPECT_EQ(other.cancelling(), 0);
  EXPECT_EQ(co_await other, 2);
}

// BH-GATH-07
ASYNC_TEST(Gather, keeps_its_values_where_the_cancel_comes_after_the_last_child) {
  const auto collect = [](Future<int> a, int& got) -> Coro<> {
    auto values = co_await gather(a);
    got = std::get<0>(values);
    co_await sleep(0s);
  };
  Future<int> future;
  int got = 0;
  auto caller = create_task(collect(future, got));
  co_await settle();
  future.set_result(3);
  caller.cancel();
  co_await settle();
  EXPECT_EQ(got, 3);
  EXPECT_TRUE(caller.cancelled());
}

// BH-GATH-08
ASYNC_TEST(Gather, refuses_what_belongs_to_another_loop) {
  EventLoop other;
  auto foreign = other.create_future<int>();
  bool started = false;
  const auto start = [](bool& ran) -> Coro<int> {
    ran = true;
    co_return 1;
  };
  auto coro = start(started);
  EXPECT_THROW((void)gather(std::move(coro), foreign), ValueError);
  EXPECT_THROW((void)gather(std::vector{foreign}), ValueError);
  EXPECT_EQ(co_await std::move(coro), 1);  // nothing was taken
}

// BH-GATH-08, BH-TASK-28
ASYNC_TEST(Gather, has_its_tasks_made_by_the_task_factory) {
  EventLoop& loop = get_running_loop();
  Task<int> task = create_task(later(1s, 1));
  int asked = 0;
  loop.set_task_factory([&](EventLoop&, NewTask&) { ++asked; });
  auto values = co_await gather(task, later(1s, 2), nap(1s));
  EXPECT_EQ(std::get<1>(values), 2);
  EXPECT_EQ(asked, 2);  // for those that were no task yet
  loop.set_task_factory({});
}

// BH-EAGER-06
ASYNC_TEST(Gather, of_tasks_that_end_as_they_start_is_done) {
  const auto seven = []() -> Coro<int> { co_return 7; };
  get_running_loop().set_task_factory(eager_task_factory);
  auto both = gather(seven(), seven());
  get_running_loop().set_task_factory({});
  EXPECT_TRUE(both.done());
  EXPECT_EQ(co_await both, std::tuple(7, 7));
}

// BH-GATH-09
ASYNC_TEST(Gather, of_what_has_ended_does_not_wait) {
  Future<int> future;
  future.set_result(1);
  Task<int> task = create_task(later(0s, 2));
  co_await task;
  bool other_ran = false;
  get_running_loop().call_soon([&] { other_ran = true; });
  auto values = co_await gather(future, task);
  EXPECT_EQ(values, std::tuple(1, 2));
  EXPECT_FALSE(other_ran);
  co_await settle();
}

// BH-GATH-10
ASYNC_TEST(Gather, that_is_dropped_lets_its_children_run_on) {
  int ended = 0;
  const auto count = [](int& times) -> Coro<> {
    co_await sleep(1s);
    ++times;
  };
  {
    auto dropped = gather(count(ended), count(ended));
  }
  co_await sleep(2s);
  EXPECT_EQ(ended, 2);

  {
    auto dropped = gather(fail_after(1s, "nobody looks"));
  }
  co_await sleep(2s);
  EXPECT_EQ(take_reports(), std::vector<std::string>{"Task exception was never retrieved: nobody looks"});
}

ASYNC_TEST(Gather, is_awaited_once) {
  auto once = gather(later(1s, 1));
  co_await once;
  const auto again = [](decltype(once)& gathered) -> Coro<> { co_await gathered; };
  EXPECT_EQ(co_await ending(again(once)), "gather: its result can be awaited only once");
}

TEST(Gather, needs_a_running_loop) {
  auto coro = later(0s, 1);
  EXPECT_THROW((void)gather(std::move(coro)), RuntimeError);
  coro.close();
}

TEST(Gather, that_waits_when_the_loop_closes_is_taken_down) {
  EventLoop loop;
  std::size_t reports = 0;
  loop.set_exception_handler([&](EventLoop&, const ExceptionContext&) { ++reports; });
  const auto main = []() -> Coro<> {
    auto waiting = create_task(gather(later(1h, 1), later(1h, 2)));
    auto failed = create_task(ending(gather(later(1h, 1), fail_after(0s, "x"))));
    co_await failed;
    co_await settle();
    EXPECT_FALSE(waiting.done());
  };
  loop.run_until_complete(main());
  loop.close();
  EXPECT_EQ(reports, 4u);  // pending: two children, who waits for them, and the child that ran on
}

}  // namespace
