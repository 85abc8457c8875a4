// SPDX-License-Identifier: MIT
#include <asyncio/task.h>

#include <asyncio/testing.h>
#include <asyncio/timeout.h>

#include <algorithm>
#include <functional>
#include <latch>
#include <stdexcept>
#include <thread>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

Coro<int> answer() {
  co_await sleep(1s);
  co_return 42;
}
Coro<> sign(std::string& log, char name) {
  log += name;
  co_return;
}
Coro<> fails() {
  co_await sleep(1s);
  throw std::out_of_range("oops");
}
Coro<std::string> text() { co_return "a text that is too long for the small buffer of a string"; }
Coro<> sleep_long() { co_await sleep(1h); }

// BH-TASK-04
ASYNC_TEST(Task, gives_the_value_of_its_coroutine) {
  auto task = create_task(answer());
  EXPECT_FALSE(task.done());
  EXPECT_EQ(co_await task, 42);
  EXPECT_TRUE(task.done());
  EXPECT_EQ(task.result(), 42);
}

// BH-TASK-01
ASYNC_TEST(Task, starts_in_the_turn_of_the_loop_and_not_in_the_call) {
  std::string log;
  auto task = create_task(sign(log, 'a'));
  EXPECT_EQ(log, "");
  co_await task;
  EXPECT_EQ(log, "a");
}

// BH-TASK-01
TEST(Task, cannot_start_without_a_running_loop_and_its_coroutine_is_closed) {
  auto held = std::make_shared<int>(1);
  const auto hold = [](std::shared_ptr<int>) -> Coro<> { co_return; };
  ::testing::internal::CaptureStderr();
  EXPECT_THROW(create_task(hold, held), RuntimeError);
  std::string what;
  unsigned line = 0;
  try {
    line = __LINE__ + 1;
    create_task(hold(held));
  } catch (const RuntimeError& error) {
    what = error.what();
  }
  EXPECT_TRUE(what.starts_with(std::string("create_task (") + __FILE__ + ":" + std::to_string(line) + ")")) << what;
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(held.use_count(), 1);
}

// BH-TASK-02
ASYNC_TEST(Task, those_made_in_a_row_start_in_that_order) {
  std::string log;
  for (char name : {'a', 'b', 'c', 'd'}) create_task(sign(log, name));
  co_await settle();
  EXPECT_EQ(log, "abcd");
}

// BH-TASK-02
ASYNC_TEST(Task, has_a_number_for_a_name_until_it_gets_another) {
  auto first = create_task(answer());
  auto second = create_task(answer());
  const auto number = [](const AnyTask& task) { return std::stoull(task.name().substr(5)); };
  EXPECT_EQ(first.name().substr(0, 5), "Task-");
  EXPECT_EQ(number(second), number(first) + 1);
  auto named = create_task(answer(), {.name = "worker"});
  EXPECT_EQ(named.name(), "worker");
  named.set_name("boss");
  EXPECT_EQ(named.name(), "boss");
  co_await named;
  named.set_name("retired");
  EXPECT_EQ(named.name(), "retired");
}

// BH-TASK-02: loops in other threads draw from the same numbers.
TEST(Task, no_two_in_the_program_have_the_same_number) {
  std::vector<std::string> names;
  const auto collect = [](std::vector<std::string>& into) -> Coro<> {
    for (int i = 0; i < 3000; ++i) into.push_back(create_task(answer()).name());
    for (const AnyTask& task : all_tasks()) task.cancel();
    co_return;
  };
  std::vector<std::string> others;
  std::thread other([&] { run(collect(others)); });
  run(collect(names));
  other.join();
  names.insert(names.end(), others.begin(), others.end());
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::unique(names.begin(), names.end()), names.end());
}

// BH-TASK-04
ASYNC_TEST(Task, its_exception_comes_out_of_every_await) {
  auto task = create_task(fails());
  const std::exception* seen[2] = {};
  for (const std::exception*& one : seen) {
    try {
      co_await task;
    } catch (const std::out_of_range& error) {
      one = &error;
    }
  }
  EXPECT_NE(seen[0], nullptr);
  EXPECT_EQ(seen[0], seen[1]);
  EXPECT_THROW(std::rethrow_exception(task.exception()), std::out_of_range);
  EXPECT_THROW(task.result(), std::out_of_range);
  EXPECT_FALSE(task.cancelled());
}

// BH-TASK-04
ASYNC_TEST(Task, awaiting_a_cancelled_one_throws_cancelled_error) {
  auto task = create_task(answer());
  co_await settle();
  task.cancel();
  int caught = 0;
  try {
    co_await task;
  } catch (const CancelledError&) {
    ++caught;
  }
  EXPECT_EQ(caught, 1);
  EXPECT_TRUE(task.cancelled());
  EXPECT_THROW(task.result(), CancelledError);
  EXPECT_THROW(task.exception(), CancelledError);
  EXPECT_EQ(current_task().cancelling(), 0);
}

ASYNC_TEST(Task, result_and_exception_of_one_that_runs_are_errors) {
  auto task = create_task(answer());
  EXPECT_THROW(task.result(), InvalidStateError);
  EXPECT_THROW(task.exception(), InvalidStateError);
  co_await task;
  EXPECT_EQ(task.exception(), nullptr);
}

ASYNC_TEST(Task, an_lvalue_is_awaited_by_reference_and_an_rvalue_by_value) {
  auto task = create_task(text());
  const std::string& first = co_await task;
  const std::string& second = co_await task;
  EXPECT_EQ(&first, &second);
  EXPECT_EQ(&first, &task.result());
  auto copy = task;
  const std::string copied = co_await std::move(copy);
  EXPECT_EQ(copied, first);  // there was another handle
  const std::string moved = co_await create_task(text());
  EXPECT_EQ(moved, first);
}

// BH-TASK-20
ASYNC_TEST(Task, cannot_await_itself) {
  Task<> task;
  std::string caught;
  const auto body = [](Task<>& self, std::string& what) -> Coro<> {
    try {
      co_await self;
    } catch (const RuntimeError& error) {
      what = error.what();
    }
    co_await sleep(0s);
  };
  task = create_task(body(task, caught), {.name = "narcissus"});
  co_await task;
  EXPECT_EQ(caught, "task 'narcissus' cannot await itself");
}

template <class T>
concept CanBeSet = requires(T task) { task.set_result(1); };

// BH-TASK-21: the mistake does not compile.
TEST(Task, cannot_be_given_a_result) { static_assert(!CanBeSet<Task<int>> && CanBeSet<Future<int>>); }

// BH-TASK-23
TEST(Task, an_exit_is_stored_in_it_and_leaves_the_loop) {
  EventLoop loop;
  const auto exits = []() -> Coro<> {
    co_await sleep(0s);
    throw SystemExit(3);
  };
  auto task = loop.create_task(exits());
  int later = 0;
  loop.call_soon([&] { loop.call_soon([&] { ++later; }); });
  int code = 0;
  try {
    loop.run_forever();
  } catch (const SystemExit& exit) {
    code = exit.code();
  }
  EXPECT_EQ(code, 3);
  EXPECT_TRUE(task.done());
  EXPECT_THROW(task.result(), SystemExit);
  loop.stop();
  loop.run_forever();
  EXPECT_EQ(later, 1);
}

// BH-TASK-24
ASYNC_TEST(Task, all_tasks_lists_those_that_have_not_ended) {
  const std::size_t before = all_tasks().size();
  EXPECT_EQ(before, 1u);
  auto a = create_task(answer());
  auto b = create_task(sleep_long());
  EXPECT_EQ(all_tasks(), (std::vector<AnyTask>{current_task(), a, b}));
  bool listed = true;
  a.add_done_callback([&](const Task<int>& task) {
    const std::vector<AnyTask> now = all_tasks();
    listed = std::find(now.begin(), now.end(), task) != now.end();
  });
  co_await a;
  co_await settle();
  EXPECT_FALSE(listed);
  EXPECT_EQ(all_tasks(), (std::vector<AnyTask>{current_task(), b}));
  b.cancel();
  co_await settle();
  EXPECT_EQ(all_tasks().size(), before);
}

TEST(Task, all_tasks_needs_a_running_loop) { EXPECT_THROW(all_tasks(), RuntimeError); }

// BH-TASK-24
TEST(Task, all_tasks_are_those_of_the_loop_while_other_threads_make_theirs) {
  std::latch both(2);
  const auto make_and_count = [&both](int& right) -> Coro<> {
    both.arrive_and_wait();
    for (std::size_t made = 1; made <= 500; ++made) {
      const Task<> last = create_task(sleep_long());
      const std::vector<AnyTask> tasks = all_tasks();
      if (tasks.size() == made + 1 && tasks.front() == current_task() && tasks.back() == last) ++right;
    }
    co_return;
  };
  int right[2] = {};
  std::thread other([&] { run(make_and_count(right[1])); });
  run(make_and_count(right[0]));
  other.join();
  EXPECT_EQ(right[0], 500);
  EXPECT_EQ(right[1], 500);
}

// BH-TASK-25
ASYNC_TEST(Task, current_task_is_the_one_that_runs_and_none_in_a_callback) {
  const AnyTask self = current_task();
  EXPECT_TRUE(self);
  AnyTask inside;
  const auto look = [](AnyTask& seen) -> Coro<> {
    seen = current_task();
    co_await sleep(0s);
    EXPECT_EQ(current_task(), seen);
  };
  auto task = create_task(look(inside));
  bool none = false;
  get_running_loop().call_soon([&] { none = !current_task(); });
  co_await task;
  EXPECT_EQ(inside, task);
  EXPECT_TRUE(none);
  EXPECT_EQ(current_task(), self);
  co_await look(inside);  // awaited, it runs in this task
  EXPECT_EQ(inside, self);
}

TEST(Task, current_task_is_none_outside_of_a_loop) { EXPECT_FALSE(current_task()); }

// BH-TASK-26
ASYNC_TEST(Task, runs_on_when_its_handle_is_dropped) {
  std::string log;
  const auto later = [](std::string& into) -> Coro<> {
    co_await sleep(1s);
    into += 'x';
  };
  create_task(later(log));
  co_await sleep(2s);
  EXPECT_EQ(log, "x");
}

// BH-TASK-26
ASYNC_TEST(Task, one_that_waits_for_a_future_that_nobody_holds_is_still_there) {
  const auto wait = []() -> Coro<> { co_await Future<>(); };
  const auto waiting = create_task(wait());
  co_await settle();
  EXPECT_EQ(all_tasks().size(), 2u);
  waiting.cancel();
}

// BH-TASK-27
ASYNC_TEST(Task, name_and_context_can_be_had_in_every_state) {
  auto task = create_task(answer(), {.name = "worker"});
  EXPECT_TRUE(task.context().empty());
  EXPECT_EQ(task.state().creation().line(), static_cast<unsigned>(__LINE__ - 2));
  co_await task;
  EXPECT_EQ(task.name(), "worker");
  EXPECT_TRUE(task.context().empty());
}

// BH-TASK-28
ASYNC_TEST(TaskFactory, is_asked_for_each_task) {
  EventLoop& loop = get_running_loop();
  std::vector<std::string> asked;
  loop.set_task_factory([&](EventLoop& owner, NewTask& task) {
    EXPECT_EQ(&owner, &get_running_loop());
    asked.emplace_back(task.options.name);
  });
  EXPECT_TRUE(loop.get_task_factory());
  auto a = create_task(answer(), {.name = "a"});
  auto b = loop.create_task(answer(), {.name = "b"});
  auto c = create_task(TaskOptions{.name = "c"}, [] { return answer(); });
  auto d = create_task(a, {.name = "d"});  // an awaitable
  EXPECT_EQ(asked, (std::vector<std::string>{"a", "b", "c", "d"}));
  loop.set_task_factory(nullptr);
  EXPECT_FALSE(loop.get_task_factory());
  create_task(answer());
  EXPECT_EQ(asked.size(), 4u);
  co_await d;
}

// BH-TASK-28
ASYNC_TEST(TaskFactory, may_change_how_the_task_starts_and_see_the_task) {
  EventLoop& loop = get_running_loop();
  AnyTask seen;
  std::string function;
  loop.set_task_factory([&](EventLoop&, NewTask& task) {
    const std::string name = "made by the factory";
    task.options.name = name;
    function = task.definition().function_name();
    seen = task.start();
    EXPECT_THROW(task.start(), RuntimeError);
  });
  auto task = create_task(answer());
  loop.set_task_factory({});
  EXPECT_EQ(task, seen);
  EXPECT_EQ(task.name(), "made by the factory");
  EXPECT_NE(function.find("answer"), std::string::npos);
  EXPECT_EQ(co_await task, 42);
}

// BH-TASK-28
ASYNC_TEST(TaskFactory, what_it_throws_comes_out_of_create_task_and_the_coroutine_is_closed) {
  EventLoop& loop = get_running_loop();
  loop.set_task_factory([](EventLoop&, NewTask&) { throw std::runtime_error("no more tasks"); });
  auto held = std::make_shared<int>(1);
  const auto hold = [](std::shared_ptr<int>) -> Coro<> { co_return; };
  EXPECT_THROW(create_task(hold(held)), std::runtime_error);
  EXPECT_EQ(held.use_count(), 1);
  loop.set_task_factory({});
  EXPECT_EQ(all_tasks().size(), 1u);
  co_return;
}

// BH-TASK-28
ASYNC_TEST(TaskFactory, may_replace_itself_and_be_restored) {
  EventLoop& loop = get_running_loop();
  int asked = 0;
  auto held = std::make_shared<int>(7);
  loop.set_task_factory([&asked, held](EventLoop& owner, NewTask&) {
    owner.set_task_factory({});
    asked += *held;  // still there
  });
  const TaskFactory saved = loop.get_task_factory();
  create_task(answer());
  create_task(answer());
  EXPECT_EQ(asked, 7);
  loop.set_task_factory(saved);
  create_task(answer());
  EXPECT_EQ(asked, 14);
  co_await sleep(1s);  // for their answers
}

// BH-TASK-28
TEST(TaskFactory, the_main_task_is_made_by_it_too) {
  VirtualClock clock;
  EventLoop loop({.clock = &clock});
  std::vector<std::string> asked;
  loop.set_task_factory([&](EventLoop&, NewTask& task) { asked.emplace_back(task.definition().function_name()); });
  EXPECT_EQ(loop.run_until_complete(answer()), 42);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_NE(asked[0].find("answer"), std::string::npos);
}

// BH-MISC-06
ASYNC_TEST(CreateTask, takes_any_awaitable) {
  Future<int> future;
  auto of_future = create_task(future);
  auto of_sleep = create_task(sleep(1s));
  auto of_task = create_task(of_future);
  auto of_callable =
      create_task([](int a, std::unique_ptr<int>& b) -> Coro<int> { co_return a + *b; }, 1, std::make_unique<int>(2));
  co_await settle();
  future.set_result(7);
  EXPECT_EQ(co_await of_future, 7);
  EXPECT_EQ(co_await of_task, 7);
  EXPECT_EQ(co_await of_callable, 3);
  co_await of_sleep;
}

ASYNC_TEST(CreateTask, owns_the_callable_and_its_arguments_until_the_end) {
  auto held = std::make_shared<int>(1);
  auto task = create_task(
      [held](std::shared_ptr<int> argument) -> Coro<long> {
        co_await sleep(1s);
        co_return held.use_count() + *argument;
      },
      held);
  EXPECT_EQ(held.use_count(), 3);
  EXPECT_EQ(co_await task, 4);  // the argument was moved into the parameter
  EXPECT_EQ(held.use_count(), 1);
}

struct Counter {
  Coro<> count() {
    ++value;
    co_return;
  }
  int value = 0;
};

Coro<> count(Counter& counter, int by) {
  counter.value += by;
  co_return;
}

ASYNC_TEST(CreateTask, gives_what_is_passed_by_reference_to_the_callable_itself) {
  Counter counter;
  co_await create_task(count, std::ref(counter), 2);
  co_await create_task(&Counter::count, &counter);
  co_await create_task(&Counter::count, std::ref(counter));
  EXPECT_EQ(counter.value, 4);
  co_await create_task(count, Counter(), 2);  // nobody else has it
  co_await create_task(&Counter::count, Counter());
}

ASYNC_TEST(CreateTask, moves_arguments_that_cannot_be_copied) {
  const auto give = [](std::unique_ptr<int> number) -> Coro<int> { co_return *number; };
  EXPECT_EQ(co_await create_task(give, std::make_unique<int>(3)), 3);
}

ASYNC_TEST(Task, the_arguments_of_its_coroutine_go_when_it_ends) {
  auto held = std::make_shared<int>(1);
  const auto hold = [](std::shared_ptr<int>) -> Coro<int> { co_return 1; };
  auto task = create_task(hold(held));
  EXPECT_EQ(held.use_count(), 2);
  co_await task;
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_EQ(task.result(), 1);
}

ASYNC_TEST(Task, a_handle_may_be_replaced_while_another_task_awaits_it) {
  auto task = create_task(answer());
  const auto wait = [](Task<int>& slot) -> Coro<int> { co_return co_await slot; };
  auto waiter = create_task(wait(task));
  co_await settle();
  task = create_task(answer());  // the last handle of the first
  EXPECT_EQ(co_await waiter, 42);
}

ASYNC_TEST(Task, done_callbacks_get_the_task) {
  auto task = create_task(answer());
  int got = 0;
  const auto token = task.add_done_callback([&](const Task<int>& t) { got = t.result(); });
  const auto other = task.add_done_callback([&](const Task<int>&) { FAIL(); });
  EXPECT_TRUE(task.remove_done_callback(other));
  co_await task;
  co_await settle();
  EXPECT_EQ(got, 42);
  EXPECT_FALSE(task.remove_done_callback(token));
}

// --- ended

ASYNC_TEST(Ended, comes_when_the_task_has_ended_and_throws_nothing_of_it) {
  EventLoop& loop = get_running_loop();
  const TimePoint begin = loop.time();
  const auto fail_later = []() -> Coro<int> {
    co_await sleep(1s);
    throw std::runtime_error("no");
  };
  const Task<int> failing = create_task(fail_later());
  const AnyTask cancelled = create_task(sleep(1h));
  co_await failing.ended();
  EXPECT_EQ(loop.time(), begin + 1s);
  EXPECT_TRUE(failing.done());
  EXPECT_NE(failing.exception(), nullptr);
  cancelled.cancel();
  co_await cancelled.ended();
  EXPECT_TRUE(cancelled.cancelled());
  co_await cancelled.ended();  // at once, for what has ended
  EXPECT_EQ(loop.time(), begin + 1s);
}

ASYNC_TEST(Ended, is_no_look_at_the_exception) {
  int reports = 0;
  get_running_loop().set_exception_handler([&](EventLoop&, const ExceptionContext&) { ++reports; });
  const auto fail = []() -> Coro<> {
    throw std::runtime_error("no");
    co_return;
  };
  co_await create_task(fail()).ended();
  EXPECT_EQ(reports, 1);
}

ASYNC_TEST(Ended, of_a_task_or_future_is_not_told_of_a_cancel_of_the_caller) {
  const Future<> future;
  const Task<> task = create_task(sleep(1s));
  const auto wait_for_both = [](Task<> first, Future<> second) -> Coro<> {
    try {
      co_await first.ended();
    } catch (const CancelledError&) {
    }
    co_await second.ended();
  };
  const Task<> waiting = create_task(wait_for_both(task, future));
  co_await settle();
  waiting.cancel();
  co_await settle();
  waiting.cancel();
  co_await waiting.ended();
  EXPECT_TRUE(waiting.cancelled());
  EXPECT_FALSE(future.done());
  EXPECT_FALSE(task.done());
  co_await task;
}

ASYNC_TEST(Ended, the_last_handle_may_go_meanwhile) {
  auto future = std::make_unique<Future<>>();
  const auto wait_for_end = [](const Future<>& pending) -> Coro<> { co_await pending.ended(); };
  const Task<> waiting = create_task(wait_for_end(*future));
  co_await settle();
  future.reset();
  waiting.cancel();
  co_await waiting.ended();
  EXPECT_TRUE(waiting.cancelled());
}

ASYNC_TEST(Ended, a_task_cannot_wait_for_its_own) {
  std::string said;
  try {
    co_await current_task().ended();
  } catch (const RuntimeError& error) {
    said = error.what();
  }
  EXPECT_EQ(said, "task '" + current_task().name() + "' cannot await itself");
}

ASYNC_TEST(Ended, may_be_given_a_timeout) {
  const Task<> task = create_task(sleep(1h));
  bool late = false;
  try {
    co_await wait_for(task.ended(), 1s);
  } catch (const TimeoutError&) {
    late = true;
  }
  EXPECT_TRUE(late);
  EXPECT_FALSE(task.done());
  task.cancel();
  co_await task.ended();
}

ASYNC_TEST(AnyTask, refers_to_the_same_task_or_to_none) {
  AnyTask none;
  EXPECT_FALSE(none);
  auto task = create_task(answer());
  const AnyTask any = task;
  EXPECT_TRUE(any);
  EXPECT_EQ(any, task);
  EXPECT_NE(any, current_task());
  co_await task;
  EXPECT_TRUE(any.done());
}

TEST(Task, may_outlive_its_loop) {
  Task<int> task;
  const auto main = [&]() -> Coro<> {
    task = create_task(answer());
    co_await task;
  };
  VirtualClock clock;
  run(main(), {.clock = &clock});
  EXPECT_EQ(task.result(), 42);
  EXPECT_FALSE(task.cancel());
}

}  // namespace
