// SPDX-License-Identifier: MIT
#include <asyncio/task_group.h>

#include <asyncio/context.h>
#include <asyncio/task_factory.h>
#include <asyncio/testing.h>
#include <asyncio/with.h>

#include "tests/structured/group_test.h"

#include <functional>
#include <memory>
#include <utility>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;
using namespace group_test;

namespace {

const ContextVar<int> level("level", 0);

// --- waiting for the tasks

// BH-TG-01
ASYNC_TEST(TaskGroup, leaves_its_block_when_all_tasks_have_ended) {
  std::string log;
  const bool completed = co_await with(TaskGroup(), [&](TaskGroup& group) -> Coro<> {
    group.create_task(work(log, 'a', 2s));
    group.create_task(work(log, 'b', 1s));
    log += "body ";
    co_return;
  });
  EXPECT_TRUE(completed);
  EXPECT_EQ(log, "body b.a.");
}

TEST(TaskGroup, is_entered_in_a_task_and_nowhere_else) {
  TaskGroup group;
  EXPECT_THROW(group.enter_now(), RuntimeError);
  EventLoop loop;
  loop.call_soon([&] {
    EXPECT_THROW(group.enter_now(), RuntimeError);
    loop.stop();
  });
  loop.run_forever();
}

// BH-TG-01
ASYNC_TEST(TaskGroup, waits_for_tasks_that_its_tasks_create_while_it_waits) {
  std::string log;
  co_await with(TaskGroup(), [&](TaskGroup& group) -> Coro<> {
    group.create_task([&group, &log]() -> Coro<> {
      co_await sleep(1s);
      group.create_task(work(log, 'b', 1s));
      group.create_task(work(log, 'c', 2s));
      log += "a.";
    });
    co_return;
  });
  EXPECT_EQ(log, "a.b.c.");
}

ASYNC_TEST(TaskGroup, gives_what_its_body_gives) {
  const std::optional<int> value = co_await with(TaskGroup(), [](TaskGroup& group) -> Coro<int> {
    auto six = group.create_task([]() -> Coro<int> { co_return 6; });
    co_return co_await six * 7;
  });
  EXPECT_EQ(value, 42);
}

ASYNC_TEST(TaskGroup, without_tasks_does_not_suspend) {
  bool others_ran = false;
  auto other = create_task(
      [](bool& ran) -> Coro<> {
        ran = true;
        co_return;
      },
      std::ref(others_ran));
  co_await with(TaskGroup(), [](TaskGroup&) -> Coro<> { co_return; });
  EXPECT_FALSE(others_ran);
  co_await other;
}

ASYNC_TEST(TaskGroup, takes_coroutines_callables_and_other_awaitables) {
  Future<int> future;
  co_await with(TaskGroup(), [&](TaskGroup& group) -> Coro<> {
    auto from_future = group.create_task(future);
    auto from_sleep = group.create_task(sleep(1s), {.name = "nap"});
    auto from_call = group.create_task([](int a, int b) -> Coro<int> { co_return a + b; }, 1, 2);
    auto with_options = group.create_task(TaskOptions{.name = "sum"}, [](int a) -> Coro<int> { co_return a; }, 4);
    EXPECT_EQ(from_sleep.name(), "nap");
    EXPECT_EQ(with_options.name(), "sum");
    EXPECT_EQ(co_await from_call, 3);
    EXPECT_EQ(co_await with_options, 4);
    future.set_result(5);
    EXPECT_EQ(co_await from_future, 5);
  });
}

// --- misuse

// BH-TG-02
ASYNC_TEST(TaskGroup, can_be_entered_only_once) {
  TaskGroup group;
  co_await with(group, []() -> Coro<> { co_return; });
  bool refused = false;
  try {
    co_await with(group, []() -> Coro<> { co_return; });
  } catch (const RuntimeError&) {
    refused = true;
  }
  EXPECT_TRUE(refused);
}

// BH-TG-02
ASYNC_TEST(TaskGroup, takes_no_task_before_and_after_its_block) {
  TaskGroup group;
  std::string log;
  EXPECT_THROW(group.create_task(work(log, 'a', 0s)), RuntimeError);
  co_await with(group, []() -> Coro<> { co_return; });
  EXPECT_THROW(group.create_task(work(log, 'b', 0s)), RuntimeError);
  co_await settle();
  EXPECT_EQ(log, "");  // and the harness has seen no report of a coroutine that was never awaited
}

// BH-TG-02
ASYNC_TEST(TaskGroup, takes_no_task_while_it_aborts) {
  std::string log;
  TaskGroup* joined = nullptr;
  const std::string result = co_await outcome([&](TaskGroup& group) -> Coro<> {
    joined = &group;
    group.create_task(fail("a"));
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
      EXPECT_THROW(joined->create_task(work(log, 'b', 0s)), RuntimeError);
      throw;
    }
  });
  EXPECT_EQ(result, "group[a]");
  EXPECT_EQ(log, "");
}

// --- errors

// BH-TG-03, BH-TG-07
ASYNC_TEST(TaskGroup, the_first_failure_cancels_the_other_tasks_and_the_body) {
  std::string log;
  bool body_cancelled = false;
  const std::string result = co_await outcome([&](TaskGroup& group) -> Coro<> {
    group.create_task(work(log, 'a', 1h));
    group.create_task(fail("b", 1s));
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
      body_cancelled = true;
      EXPECT_EQ(current_task().cancelling(), 1);
      throw;
    }
  });
  EXPECT_EQ(result, "group[b]");
  EXPECT_EQ(log, "a!");
  EXPECT_TRUE(body_cancelled);
  EXPECT_EQ(current_task().cancelling(), 0);
  co_await sleep(1s);  // the next wait works
}

// BH-TG-04
ASYNC_TEST(TaskGroup, has_the_errors_in_the_order_in_which_they_came_and_that_of_the_body_last) {
  const std::string result = co_await outcome([&](TaskGroup& group) -> Coro<> {
    group.create_task(fail_in_clean_up("first created"));
    group.create_task(fail_in_clean_up("second created"));
    group.create_task(fail("failed first", 1s));
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
      throw Oops("body");
    }
  });
  EXPECT_EQ(result, "group[failed first first created second created body]");
}

// BH-TG-05, BH-TG-04
ASYNC_TEST(TaskGroup, a_task_that_somebody_cancels_disturbs_nobody) {
  std::string log;
  const std::string result = co_await outcome([&](TaskGroup& group) -> Coro<> {
    auto cancelled = group.create_task(work(log, 'a', 1h));
    group.create_task(work(log, 'b', 2s));
    co_await sleep(1s);
    cancelled.cancel();
    co_await sleep(2s);
    log += "body";
  });
  EXPECT_EQ(result, "value");
  EXPECT_EQ(log, "a!b.body");
}

// BH-TG-06
ASYNC_TEST(TaskGroup, a_body_that_throws_has_the_tasks_cancelled_and_leaves_as_a_group) {
  std::string log;
  const std::string result = co_await outcome([&](TaskGroup& group) -> Coro<> {
    group.create_task(work(log, 'a', 1h, 1s));
    co_await sleep(1s);
    throw Oops("body");
  });
  EXPECT_EQ(result, "group[body]");
  EXPECT_EQ(log, "a!");
}

// BH-TG-08
ASYNC_TEST(TaskGroup, a_failure_while_the_exit_waits_cancels_the_others) {
  std::string log;
  const std::string result = co_await outcome([&](TaskGroup& group) -> Coro<> {
    group.create_task(work(log, 'a', 1h));
    group.create_task(fail("b", 1s));
    co_return;
  });
  EXPECT_EQ(result, "group[b]");
  EXPECT_EQ(log, "a!");
  EXPECT_EQ(current_task().cancelling(), 0);
  co_await sleep(1s);
}

// BH-TASK-18, BH-TG-07
ASYNC_TEST(TaskGroup, a_body_that_ends_without_meeting_its_cancel_leaves_none_behind) {
  const std::string result = co_await outcome([&](TaskGroup& group) -> Coro<> {
    auto failing = group.create_task(fail("a"));
    co_await detail::Ended(failing.state());  // woken in the moment of the failure, which cancels the body too late
  });
  EXPECT_EQ(result, "group[a]");
  EXPECT_EQ(current_task().cancelling(), 0);
  co_await sleep(1s);
}

ASYNC_TEST(TaskGroup, an_error_that_several_have_met_is_one_member) {
  const std::string result = co_await outcome([&](TaskGroup& group) -> Coro<> {
    auto failing = group.create_task(fail("a", 1s));
    group.create_task([failing]() -> Coro<> { co_await failing; });
    co_await failing;
  });
  EXPECT_EQ(result, "group[a]");
  EXPECT_EQ(current_task().cancelling(), 0);
  co_await sleep(1s);
}

ASYNC_TEST(TaskGroup, a_body_that_catches_its_cancel_may_go_on) {
  bool waited = false;
  const std::string result = co_await outcome([&](TaskGroup& group) -> Coro<> {
    group.create_task(fail("a"));
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
    }
    co_await sleep(1s);
    waited = true;
  });
  EXPECT_EQ(result, "group[a]");
  EXPECT_TRUE(waited);
  EXPECT_EQ(current_task().cancelling(), 0);
}

// BH-TG-12, BH-TG-13
ASYNC_TEST(TaskGroup, waits_for_the_cleaning_up_of_its_tasks_and_collects_what_that_throws) {
  std::string log;
  const TimePoint start = get_running_loop().time();
  const std::string result = co_await outcome([&](TaskGroup& group) -> Coro<> {
    group.create_task(work(log, 'a', 1h, 5s));
    group.create_task(fail_in_clean_up("b"));
    group.create_task(fail("c", 1s));
    co_await sleep(1h);
  });
  EXPECT_EQ(result, "group[c b]");
  EXPECT_EQ(log, "a!");
  EXPECT_EQ(get_running_loop().time() - start, 6s);
}

// BH-TG-15
ASYNC_TEST(TaskGroup, a_nested_group_that_fails_is_a_member_of_the_outer_one) {
  std::string log;
  const std::string result = co_await outcome([&](TaskGroup& outer) -> Coro<> {
    outer.create_task(work(log, 'a', 1h));
    const bool completed = co_await with(TaskGroup(), [&](TaskGroup& inner) -> Coro<> {
      inner.create_task(fail("b", 1s));
      co_await sleep(1h);
    });
    EXPECT_TRUE(completed);  // not reached
  });
  EXPECT_EQ(result, "group[group[b]]");
  EXPECT_EQ(log, "a!");
  EXPECT_EQ(current_task().cancelling(), 0);
}

// BH-TG-15
ASYNC_TEST(TaskGroup, failures_in_the_inner_and_the_outer_group_at_once_give_both) {
  const std::string result = co_await outcome([&](TaskGroup& outer) -> Coro<> {
    outer.create_task(fail("outer", 1s));
    const bool completed = co_await with(TaskGroup(), [&](TaskGroup& inner) -> Coro<> {
      inner.create_task(fail("inner", 1s));
      co_await sleep(1h);
    });
    EXPECT_TRUE(completed);  // not reached
  });
  EXPECT_EQ(result, "group[outer group[inner]]");
  EXPECT_EQ(current_task().cancelling(), 0);
  co_await sleep(1s);
}

// BH-TG-15
ASYNC_TEST(TaskGroup, an_abort_of_the_outer_group_cancels_the_tasks_of_the_inner_one_first) {
  std::string log;
  const std::string result = co_await outcome([&](TaskGroup& outer) -> Coro<> {
    outer.create_task(fail("a", 1s));
    const bool completed = co_await with(TaskGroup(), [&](TaskGroup& inner) -> Coro<> {
      inner.create_task(work(log, 'b', 1h, 1s));
      co_return;
    });
    EXPECT_TRUE(completed);  // not reached
  });
  EXPECT_EQ(result, "group[a]");
  EXPECT_EQ(log, "b!");
  EXPECT_EQ(current_task().cancelling(), 0);
}

// --- options, the call graph, eager tasks

// BH-TG-19
ASYNC_TEST(TaskGroup, a_task_shows_its_parent_as_the_one_that_waits_for_it) {
  co_await with(TaskGroup(), [](TaskGroup& group) -> Coro<> {
    Context context;
    auto task = group.create_task(sleep(1s), {.name = "child", .context = &context});
    EXPECT_EQ(task.name(), "child");
    require(!task.state().joiners().empty());
    const lowlevel::LinkedWaiter& waiter = static_cast<const lowlevel::LinkedWaiter&>(*task.state().joiners().first());
    EXPECT_EQ(waiter.task(), &current_task().state());
    EXPECT_STREQ(waiter.kind().reason, "TaskGroup");
    co_return;
  });
}

ASYNC_TEST(TaskGroup, the_exit_has_a_name_for_the_inspector) {
  auto block = create_task(outcome([](TaskGroup& group) -> Coro<> {
    group.create_task(sleep(1s));
    co_return;
  }));
  co_await settle();
  require(block.state().waiter() != nullptr);
  EXPECT_STREQ(block.state().waiter()->kind().reason, "TaskGroup.exit");
  co_await block;
}

// BH-TG-19
ASYNC_TEST(TaskGroup, a_task_starts_as_its_options_say) {
  co_await with(TaskGroup(), [](TaskGroup& group) -> Coro<> {
    const auto look = [](int& seen) -> Coro<> {
      seen = level.get();
      co_return;
    };
    Context context;
    context.run([] { level.set(7); });
    int eager = 0;
    auto first = group.create_task(look(eager), {.name = "child", .context = &context, .eager_start = true});
    EXPECT_EQ(eager, 7);
    EXPECT_EQ(first.name(), "child");
    EXPECT_EQ(level.get(), 0);
    int later = 0;
    auto second = group.create_task(look(later), {.context = &context});
    EXPECT_EQ(later, 0);
    co_await second;
    EXPECT_EQ(later, 7);
  });
}

// BH-TASK-28
ASYNC_TEST(TaskGroup, has_its_tasks_made_by_the_task_factory) {
  EventLoop& loop = get_running_loop();
  std::string asked;
  loop.set_task_factory([&](EventLoop&, NewTask& task) { asked += task.options.name; });
  co_await with(TaskGroup(), [](TaskGroup& group) -> Coro<> {
    group.create_task(sleep(1s), {.name = "a"});
    group.create_task(sleep(1s), {.name = "b"});
    co_return;
  });
  loop.set_task_factory({});
  EXPECT_EQ(asked, "ab");
}

// BH-TG-19, BH-EAGER-06
ASYNC_TEST(TaskGroup, an_eager_task_that_fails_at_once_aborts_the_group_in_the_turn_of_the_loop) {
  std::string log;
  const std::string result = co_await outcome([&](TaskGroup& group) -> Coro<> {
    group.create_task(fail("a"), {.eager_start = true});
    group.create_task(work(log, 'b', 1h));
    co_await sleep(1h);
  });
  EXPECT_EQ(result, "group[a]");
}

// BH-EAGER-05
ASYNC_TEST(TaskGroup, an_eager_task_that_cancels_its_group_at_once_is_cancelled_too) {
  std::string log;
  const std::string result = co_await outcome([&](TaskGroup& group) -> Coro<> {
    group.create_task(
        [](TaskGroup& own, std::string& text) -> Coro<> {
          own.cancel();
          co_await work(text, 'a', 1h);
        }(group, log),
        {.eager_start = true});
    co_await sleep(1h);
  });
  EXPECT_EQ(result, "given up");
  EXPECT_EQ(log, "a!");
}

// BH-TG-21
ASYNC_TEST(TaskGroup, refers_to_nothing_after_the_block) {
  TaskGroup group;
  const std::shared_ptr<int> witness = std::make_shared<int>(1);
  struct Holder {
    std::shared_ptr<int> held;
  };
  std::weak_ptr<int> error_alive;
  try {
    co_await with(group, [&](TaskGroup& entered) -> Coro<> {
      auto held = std::make_shared<int>(2);
      error_alive = held;
      entered.create_task([](std::shared_ptr<int> error) -> Coro<> { throw Holder{std::move(error)}; },
                          std::move(held));
      entered.create_task([](std::shared_ptr<int>) -> Coro<> { co_await sleep(1h); }, witness);
      co_await sleep(1h);
    });
  } catch (const ExceptionGroup&) {
  }
  EXPECT_EQ(witness.use_count(), 1);
  EXPECT_TRUE(error_alive.expired());
}

ASYNC_TEST(TaskGroup, is_movable_until_it_is_entered) {
  TaskGroup cancelled;
  cancelled.cancel();
  const bool completed = co_await with(std::move(cancelled), []() -> Coro<> { co_await sleep(1h); });
  EXPECT_FALSE(completed);
}

TEST(TaskGroup, a_loop_that_closes_in_the_middle_of_a_block_destroys_all_of_it) {
  const std::shared_ptr<int> witness = std::make_shared<int>(1);
  int reports = 0;
  {
    EventLoop loop;
    loop.set_exception_handler([&reports](EventLoop&, const ExceptionContext&) { ++reports; });
    loop.create_task([](std::shared_ptr<int> held) -> Coro<> {
      co_await with(TaskGroup(), [&](TaskGroup& group) -> Coro<> {
        group.create_task([](std::shared_ptr<int>) -> Coro<> { co_await sleep(1h); }, held);
        co_await sleep(1h);
      });
    }(witness));
    loop.stop();
    loop.run_forever();
    loop.stop();
    loop.run_forever();
    EXPECT_GT(witness.use_count(), 2);  // the block and its task have begun
  }
  EXPECT_EQ(witness.use_count(), 1);
  EXPECT_EQ(reports, 2);
}

}  // namespace
