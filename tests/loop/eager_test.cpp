// SPDX-License-Identifier: MIT
#include <asyncio/task_factory.h>
#include <asyncio/testing.h>

#include <algorithm>
#include <stdexcept>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

constexpr TaskOptions eagerly{.eager_start = true};

Coro<int> at_once() { co_return 42; }
Coro<int> after_a_second() {
  co_await sleep(1s);
  co_return 7;
}
Coro<> sign_twice(std::string& log) {
  log += 'a';
  co_await sleep(0s);
  log += 'b';
}
Coro<> throws() {
  throw std::out_of_range("oops");
  co_return;
}

const ContextVar<int> level("level", 0);

// BH-EAGER-01
ASYNC_TEST(EagerStart, runs_the_first_step_inside_create_task) {
  std::string log;
  auto task = create_task(sign_twice(log), eagerly);
  EXPECT_EQ(log, "a");
  EXPECT_FALSE(task.done());
  co_await task;
  EXPECT_EQ(log, "ab");
}

// BH-EAGER-01, BH-TASK-25
ASYNC_TEST(EagerStart, the_new_task_is_the_current_one_in_a_context_of_its_own) {
  level.set(1);
  AnyTask inside;
  int seen = 0;
  const auto body = [](AnyTask& self, int& value) -> Coro<> {
    self = current_task();
    value = level.get();
    level.set(2);
    co_return;
  };
  const AnyTask creator = current_task();
  auto task = create_task(body(inside, seen), {.name = "eager", .eager_start = true});
  EXPECT_EQ(inside, task);
  EXPECT_EQ(task.name(), "eager");
  EXPECT_EQ(current_task(), creator);
  EXPECT_EQ(seen, 1);
  EXPECT_EQ(level.get(), 1);
  co_return;
}

// BH-EAGER-01, BH-TASK-25
ASYNC_TEST(EagerStart, from_a_callback_leaves_the_callback_as_it_was) {
  bool none = false;
  int value = 0;
  AnyTask inside;
  const auto body = [](AnyTask& self) -> Coro<> {
    self = current_task();
    level.set(5);
    co_await sleep(0s);
  };
  get_running_loop().call_soon([&] {
    level.set(3);
    create_task(body(inside), eagerly);
    none = !current_task();
    value = level.get();
  });
  co_await settle();
  EXPECT_TRUE(inside);
  EXPECT_TRUE(none);
  EXPECT_EQ(value, 3);
}

// BH-EAGER-02
ASYNC_TEST(EagerStart, a_body_that_does_not_wait_is_done_at_once) {
  auto task = create_task(at_once(), eagerly);
  EXPECT_TRUE(task.done());
  EXPECT_EQ(task.result(), 42);
  EXPECT_EQ(all_tasks().size(), 1u);
  EXPECT_EQ(co_await std::move(task), 42);
}

// BH-EAGER-02
ASYNC_TEST(EagerStart, an_exception_is_stored_and_not_thrown) {
  auto task = create_task(throws(), eagerly);
  EXPECT_TRUE(task.done());
  EXPECT_THROW(task.result(), std::out_of_range);
  co_return;
}

// BH-EAGER-02: what ends the program leaves the loop, at the end of the step which made the task.
TEST(EagerStart, an_exit_leaves_the_loop) {
  EventLoop loop;
  const auto exits = []() -> Coro<> {
    throw SystemExit(4);
    co_return;
  };
  Task<> task;
  loop.call_soon([&] { task = create_task(exits(), eagerly); });
  EXPECT_THROW(loop.run_forever(), SystemExit);
  EXPECT_TRUE(task.done());
}

// BH-EAGER-03
ASYNC_TEST(EagerStart, a_body_that_waits_goes_on_as_a_normal_task) {
  bool listed = false;
  const auto body = [](bool& found) -> Coro<int> {
    const std::vector<AnyTask> tasks = all_tasks();
    found = std::find(tasks.begin(), tasks.end(), current_task()) != tasks.end();
    co_return co_await after_a_second();
  };
  auto task = create_task(body(listed), eagerly);
  EXPECT_TRUE(listed);
  EXPECT_EQ(all_tasks(), (std::vector<AnyTask>{current_task(), task}));
  EXPECT_EQ(co_await task, 7);
}

ASYNC_TEST(EagerStart, one_that_waits_can_be_cancelled) {
  auto task = create_task(after_a_second(), eagerly);
  task.cancel();
  co_await settle();
  EXPECT_TRUE(task.cancelled());
}

// BH-EAGER-04
TEST(EagerStart, waits_for_its_turn_where_the_loop_does_not_run) {
  VirtualClock clock;
  EventLoop loop({.clock = &clock});
  std::string log;
  auto task = loop.create_task(sign_twice(log), eagerly);
  EXPECT_EQ(log, "");
  loop.run_until_complete(task);
  EXPECT_EQ(log, "ab");
}

// BH-EAGER-05
ASYNC_TEST(EagerStart, one_that_cancels_its_creator_leaves_both_as_they_should_be) {
  const auto cancel_it = [](AnyTask victim) -> Coro<int> {
    victim.cancel("by my child");
    co_await sleep(0s);
    co_return 1;
  };
  Task<int> child;
  std::string log;
  const auto creator = [&]() -> Coro<> {
    child = create_task(cancel_it(current_task()), eagerly);
    log += "made ";
    try {
      co_await sleep(1h);
    } catch (const CancelledError& error) {
      log += error.message();
      throw;
    }
  };
  auto task = create_task(creator());
  co_await settle();
  EXPECT_EQ(log, "made by my child");
  EXPECT_TRUE(task.cancelled());
  EXPECT_EQ(child.result(), 1);
}

// BH-EAGER-06
ASYNC_TEST(EagerStart, done_callbacks_are_left_to_the_loop) {
  std::string log;
  auto task = create_task(at_once(), eagerly);
  task.add_done_callback([&](const Task<int>&) { log += 'x'; });
  EXPECT_EQ(log, "");
  co_await settle();
  EXPECT_EQ(log, "x");
}

ASYNC_TEST(EagerStart, wakes_nobody_out_of_turn) {
  std::string log;
  Future<> future;
  const auto wait = [](Future<> f, std::string& into) -> Coro<> {
    co_await f;
    into += 'w';
  };
  const auto set = [](Future<> f, std::string& into) -> Coro<> {
    f.set_result();
    into += 's';
    co_return;
  };
  auto waiter = create_task(wait(future, log));
  co_await settle();
  auto setter = create_task(set(future, log), eagerly);
  EXPECT_EQ(log, "s");
  co_await waiter;
  EXPECT_EQ(log, "sw");
}

Coro<int> nest(int levels) {
  if (levels == 0) co_return 0;
  auto inner = create_task(nest(levels - 1), eagerly);
  const int value = co_await inner;
  co_return value + 1;
}

// BH-EAGER-04
ASYNC_TEST(EagerStart, those_that_start_each_other_do_not_exhaust_the_stack) {
  EXPECT_EQ(co_await nest(100'000), 100'000);
}

Coro<int> await_deeply(int levels) {
  if (levels == 0) {
    auto task = create_task(nest(50), eagerly);
    co_return co_await task;
  }
  co_return co_await await_deeply(levels - 1);
}

ASYNC_TEST(EagerStart, within_deeply_nested_awaits_each_goes_on_where_it_should) {
  for (int levels : {1, 100, 127, 128, 129, 1000}) EXPECT_EQ(co_await await_deeply(levels), 50);
}

ASYNC_TEST(EagerStart, a_deeply_nested_body_may_run_within_a_step) {
  const auto body = []() -> Coro<int> { co_return co_await await_deeply(1000); };
  auto task = create_task(body(), eagerly);
  EXPECT_EQ(co_await task, 50);
}

// BH-EAGER-01
ASYNC_TEST(EagerTaskFactory, starts_every_task_that_does_not_say_otherwise) {
  get_running_loop().set_task_factory(eager_task_factory);
  EXPECT_TRUE(create_task(at_once()).done());
  EXPECT_TRUE(create_task([] { return at_once(); }).done());
  EXPECT_FALSE(create_task(at_once(), {.eager_start = false}).done());
  get_running_loop().set_task_factory({});
  EXPECT_FALSE(create_task(at_once()).done());
  co_await settle();
}

}  // namespace
