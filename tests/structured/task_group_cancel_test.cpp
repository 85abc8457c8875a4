// SPDX-License-Identifier: MIT
#include <asyncio/task_group.h>
#include <asyncio/testing.h>
#include <asyncio/timeout.h>
#include <asyncio/with.h>

#include "tests/structured/group_test.h"

#include <utility>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;
using namespace group_test;

namespace {

// --- cancels from outside

// BH-TG-09
ASYNC_TEST(TaskGroup, a_cancel_in_the_body_cancels_the_tasks_and_goes_on) {
  std::string log;
  auto block = create_task(outcome([&](TaskGroup& group) -> Coro<> {
    group.create_task(work(log, 'a', 1h, 1s));
    co_await sleep(1h);
  }));
  co_await settle();
  block.cancel();
  EXPECT_EQ(co_await block, "cancelled");
  EXPECT_EQ(log, "a!");
}

// BH-TG-09
ASYNC_TEST(TaskGroup, a_cancel_of_the_exit_cancels_the_tasks_and_goes_on) {
  std::string log;
  auto block = create_task(outcome([&](TaskGroup& group) -> Coro<> {
    group.create_task(work(log, 'a', 1h, 1s));
    co_return;
  }));
  co_await settle();
  block.cancel();
  co_await settle();
  EXPECT_FALSE(block.done());
  EXPECT_EQ(co_await block, "cancelled");
  EXPECT_EQ(log, "a!");
}

ASYNC_TEST(TaskGroup, a_cancel_keeps_its_message) {
  auto block = create_task([]() -> Coro<> {
    co_await with(TaskGroup(), [](TaskGroup& group) -> Coro<> {
      group.create_task(sleep(1h));
      co_return;
    });
  });
  co_await settle();
  block.cancel("enough");
  std::string message;
  try {
    co_await block;
  } catch (const CancelledError& e) {
    message = e.message();
  }
  EXPECT_EQ(message, "enough");
}

// BH-TG-10
ASYNC_TEST(TaskGroup, a_cancel_of_the_body_and_a_failure_give_the_group_and_a_cancel_at_the_next_wait) {
  std::string log;
  auto block = create_task([&log]() -> Coro<> {
    log += co_await outcome([](TaskGroup& group) -> Coro<> {
      group.create_task(fail_in_clean_up("a"));
      co_await sleep(1h);
    });
    EXPECT_EQ(current_task().cancelling(), 1);
    co_await sleep(1h);
  });
  co_await settle();
  block.cancel("outside");
  std::string message;
  try {
    co_await block;
  } catch (const CancelledError& e) {
    message = e.message();
  }
  EXPECT_EQ(log, "group[a]");
  EXPECT_EQ(message, "outside");
  EXPECT_EQ(block.cancelling(), 1);
}

// BH-TG-10
ASYNC_TEST(TaskGroup, a_cancel_of_the_exit_and_a_failure_give_the_group_and_a_cancel_at_the_next_wait) {
  std::string log;
  auto block = create_task([&log]() -> Coro<> {
    log += co_await outcome([](TaskGroup& group) -> Coro<> {
      group.create_task(fail_in_clean_up("a"));
      co_return;
    });
    EXPECT_EQ(current_task().cancelling(), 1);
    co_await sleep(1h);
  });
  co_await settle();
  block.cancel();
  co_await settle();
  EXPECT_EQ(log, "group[a]");
  EXPECT_TRUE(block.cancelled());
}

// BH-TG-10
ASYNC_TEST(TaskGroup, a_cancel_in_the_moment_of_a_failure_is_not_lost) {
  for (const bool failure_first : {false, true}) {
    std::string log;
    Future<> failure;
    auto block = create_task([&log, failure]() -> Coro<> {
      log += co_await outcome([&failure](TaskGroup& group) -> Coro<> {
        group.create_task([failure]() -> Coro<> { co_await failure; });
        co_await sleep(1h);
      });
      co_await sleep(1h);
    });
    co_await settle();
    if (failure_first) {
      failure.set_exception(Oops("a"));
      co_await sleep(0s);  // the child has failed, and the body is to be cancelled by the group
      block.cancel();
    } else {
      block.cancel();
      failure.cancel();
    }
    co_await settle();
    EXPECT_EQ(log, failure_first ? "group[a]" : "cancelled");
    EXPECT_EQ(block.cancelling(), 1);
    EXPECT_EQ(block.cancelled(), failure_first);  // else the block's CancelledError was that of the cancel
    if (!failure_first) {
      block.cancel();
      co_await settle();
    }
    EXPECT_TRUE(block.cancelled());
  }
}

// BH-TG-11
ASYNC_TEST(TaskGroup, repeated_cancels_abandon_nobody) {
  std::string log;
  auto block = create_task(outcome([&](TaskGroup& group) -> Coro<> {
    group.create_task(work(log, 'a', 1h, 10s));
    co_await sleep(1h);
  }));
  co_await settle();
  for (int i = 0; i < 5; ++i) {
    block.cancel();
    co_await sleep(1s);
    EXPECT_FALSE(block.done());
  }
  EXPECT_EQ(co_await block, "cancelled");
  EXPECT_EQ(log, "a!");
}

ASYNC_TEST(TaskGroup, a_cancel_that_was_pending_before_the_block_is_not_taken_for_its_own) {
  auto block = create_task([]() -> Coro<> {
    current_task().cancel("before");
    co_await with(TaskGroup(), [](TaskGroup& group) -> Coro<> {
      group.cancel();
      co_await sleep(1h);
    });
    ADD_FAILURE() << "the cancel was swallowed";
  });
  co_await settle();
  EXPECT_TRUE(block.cancelled());
}

ASYNC_TEST(TaskGroup, a_cancel_that_was_caught_before_the_block_is_not_taken_for_a_new_one) {
  auto block = create_task([]() -> Coro<std::string> {
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {  // and stays counted
    }
    co_return co_await outcome([](TaskGroup& group) -> Coro<> {
      group.cancel();
      co_await sleep(1h);
    });
  });
  co_await settle();
  block.cancel();
  EXPECT_EQ(co_await block, "given up");
  EXPECT_EQ(block.cancelling(), 1);
}

// --- timeouts

// BH-TMO-13
ASYNC_TEST(TaskGroup, a_timeout_around_a_group_comes_when_the_tasks_have_cleaned_up) {
  std::string log;
  bool timed_out = false;
  try {
    co_await with(timeout(1s), [&]() -> Coro<> {
      co_await with(TaskGroup(), [&](TaskGroup& group) -> Coro<> {
        group.create_task(work(log, 'a', 1h, 1s));
        co_return;
      });
    });
  } catch (const TimeoutError&) {
    timed_out = true;
  }
  EXPECT_TRUE(timed_out);
  EXPECT_EQ(log, "a!");
  EXPECT_EQ(current_task().cancelling(), 0);
  co_await sleep(1s);
}

// BH-TMO-13
ASYNC_TEST(TaskGroup, a_failure_inside_of_a_timeout_is_no_timeout) {
  std::string result;
  co_await with(timeout(2s), [&]() -> Coro<> {
    result = co_await outcome([](TaskGroup& group) -> Coro<> {
      group.create_task(fail("a", 1s));
      co_await sleep(1h);
    });
  });
  EXPECT_EQ(result, "group[a]");
  EXPECT_EQ(current_task().cancelling(), 0);
}

// BH-TMO-10, BH-TMO-13
ASYNC_TEST(TaskGroup, a_failure_in_answer_to_a_timeout_leaves_it_as_the_group) {
  std::string result;
  auto limit = timeout(1s);
  co_await with(limit, [&]() -> Coro<> {
    result = co_await outcome([](TaskGroup& group) -> Coro<> {
      group.create_task(fail_in_clean_up("a"));
      co_await sleep(1h);
    });
  });
  EXPECT_EQ(result, "group[a]");
  EXPECT_TRUE(limit.expired());
  EXPECT_EQ(current_task().cancelling(), 0);
  co_await sleep(1s);
}

// BH-TMO-13
ASYNC_TEST(TaskGroup, a_timeout_in_a_task_of_a_group_is_its_error) {
  const std::string result = co_await outcome([](TaskGroup& group) -> Coro<> {
    group.create_task([]() -> Coro<> { co_await with(timeout(1s), []() -> Coro<> { co_await sleep(1h); }); });
    group.create_task(fail_in_clean_up("b"));
    co_await sleep(1h);
  });
  EXPECT_EQ(result, "group[timed out after 1 s in sleep b]");
}

// --- cancel()

// BH-TG-17
ASYNC_TEST(TaskGroup, cancel_ends_the_block_without_an_exception) {
  std::string log;
  const std::string result = co_await outcome([&](TaskGroup& group) -> Coro<> {
    group.create_task(work(log, 'a', 1h, 1s));
    group.cancel();
    group.cancel();
    co_await sleep(1h);
    log += "body";
  });
  EXPECT_EQ(result, "given up");
  EXPECT_EQ(log, "");  // the task was cancelled before it had started
  EXPECT_EQ(current_task().cancelling(), 0);
  co_await sleep(1s);
}

// BH-TG-17
ASYNC_TEST(TaskGroup, cancel_by_one_of_its_tasks_ends_the_block_too) {
  std::string log;
  const std::optional<int> value = co_await with(TaskGroup(), [&](TaskGroup& group) -> Coro<int> {
    group.create_task(work(log, 'a', 1h, 1s));
    group.create_task([&group]() -> Coro<> {
      co_await sleep(1s);
      group.cancel();
    });
    co_await sleep(1h);
    co_return 1;
  });
  EXPECT_FALSE(value);
  EXPECT_EQ(log, "a!");
  EXPECT_EQ(current_task().cancelling(), 0);
}

// BH-TG-17
ASYNC_TEST(TaskGroup, cancel_while_the_exit_waits_keeps_what_the_body_gave) {
  std::string log;
  const std::optional<int> value = co_await with(TaskGroup(), [&](TaskGroup& group) -> Coro<int> {
    group.create_task(work(log, 'a', 1h, 1s));
    group.create_task([&group]() -> Coro<> {
      co_await sleep(1s);
      group.cancel();
    });
    co_return 1;
  });
  EXPECT_EQ(value, 1);
  EXPECT_EQ(log, "a!");
}

// BH-TG-17
ASYNC_TEST(TaskGroup, cancel_before_the_block_cancels_the_body_at_its_first_wait) {
  TaskGroup group;
  group.cancel();
  bool began = false;
  const bool completed = co_await with(group, [&](TaskGroup& entered) -> Coro<> {
    began = true;
    EXPECT_THROW(entered.create_task(fail("a")), RuntimeError);
    co_await sleep(1h);
    ADD_FAILURE();
  });
  EXPECT_TRUE(began);
  EXPECT_FALSE(completed);
  EXPECT_EQ(current_task().cancelling(), 0);
}

// BH-TG-17
ASYNC_TEST(TaskGroup, cancel_after_the_block_has_no_effect) {
  TaskGroup group;
  co_await with(group, []() -> Coro<> { co_return; });
  group.cancel();
  EXPECT_EQ(current_task().cancelling(), 0);
  co_await sleep(1s);
}

// BH-TG-17
ASYNC_TEST(TaskGroup, a_body_that_does_not_wait_any_more_outlives_a_cancel_of_its_group) {
  const std::optional<int> value = co_await with(TaskGroup(), [](TaskGroup& group) -> Coro<int> {
    group.cancel();
    co_return 1;
  });
  EXPECT_EQ(value, 1);
  EXPECT_EQ(current_task().cancelling(), 0);
  co_await sleep(1s);
}

// BH-TG-18
ASYNC_TEST(TaskGroup, cancel_does_not_hide_a_failure) {
  const std::string result = co_await outcome([](TaskGroup& group) -> Coro<> {
    group.create_task(fail_in_clean_up("a"));
    co_await sleep(0s);
    group.cancel();
    co_await sleep(1h);
  });
  EXPECT_EQ(result, "group[a]");
  EXPECT_EQ(current_task().cancelling(), 0);
}

// BH-TG-18
ASYNC_TEST(TaskGroup, cancel_does_not_hide_a_cancel_from_outside) {
  std::string log;
  for (const bool outside_first : {false, true}) {
    TaskGroup* inside = nullptr;
    auto block = create_task(outcome([&](TaskGroup& group) -> Coro<> {
      inside = &group;
      group.create_task(work(log, 'a', 1h));
      co_await sleep(1h);
    }));
    co_await settle();
    if (outside_first) block.cancel();
    inside->cancel();
    if (!outside_first) block.cancel();
    EXPECT_EQ(co_await block, "cancelled");
    EXPECT_EQ(block.cancelling(), 1);
  }
  EXPECT_EQ(log, "a!a!");
}

// BH-TG-18
ASYNC_TEST(TaskGroup, a_cancel_from_outside_in_the_exit_of_a_cancelled_group_is_not_lost) {
  std::string log;
  auto block = create_task(outcome([&](TaskGroup& group) -> Coro<> {
    group.create_task(work(log, 'a', 1h, 5s));
    co_await sleep(1s);
    group.cancel();
    co_await sleep(1h);
  }));
  co_await sleep(3s);  // the exit waits for the cleaning up
  block.cancel();
  EXPECT_EQ(co_await block, "cancelled");
  EXPECT_EQ(log, "a!");
}

// --- SystemExit and KeyboardInterrupt: they leave the loop at once, so the test runs one of its own again and again

template <class Body>
void run_with_exits(Body body, const char* expected, int exits, const std::vector<std::string>& reports) {
  EventLoop loop;
  std::vector<std::string> reported;
  loop.set_exception_handler([&reported](EventLoop&, const ExceptionContext& context) {
    reported.push_back(context.message + ": " + (detail::holds<Oops>(context.exception) ? "Oops" : "something else"));
  });
  std::string log;
  auto task = loop.create_task(body(log));
  int left = 0;
  while (!task.done()) {
    try {
      loop.run_until_done(task.state());
    } catch (const SystemExit& e) {
      EXPECT_EQ(e.code(), 3);
      ++left;
    }
  }
  EXPECT_TRUE(detail::holds<SystemExit>(task.exception()));
  EXPECT_EQ(log, expected);
  EXPECT_EQ(left, exits);
  EXPECT_EQ(reported, reports);
}

Coro<> leave_program(std::chrono::milliseconds after) {
  co_await sleep(after);
  throw SystemExit(3);
}

// BH-TG-14
TEST(TaskGroup, an_exit_exception_of_a_task_leaves_the_block_bare_when_all_have_ended) {
  run_with_exits(
      [](std::string& log) -> Coro<> {
        co_await with(TaskGroup(), [&](TaskGroup& group) -> Coro<> {
          group.create_task(work(log, 'a', 1h));
          group.create_task(fail_in_clean_up("lost"));
          group.create_task(leave_program(0ms));
          co_await sleep(1h);
        });
      },
      "a!", 2, {"unhandled error in a TaskGroup that ends with SystemExit or KeyboardInterrupt: Oops"});
}

// BH-TG-14
TEST(TaskGroup, an_exit_exception_of_the_body_leaves_the_block_bare_when_all_have_ended) {
  run_with_exits(
      [](std::string& log) -> Coro<> {
        co_await with(TaskGroup(), [&](TaskGroup& group) -> Coro<> {
          group.create_task(work(log, 'a', 1h));
          group.create_task(fail_in_clean_up("lost"));
          co_await leave_program(1ms);
        });
      },
      "a!", 1, {"unhandled error in a TaskGroup that ends with SystemExit or KeyboardInterrupt: Oops"});
}

}  // namespace
