// SPDX-License-Identifier: MIT
#include <asyncio/cancel_scope.h>
#include <asyncio/task_group.h>
#include <asyncio/testing.h>
#include <asyncio/with.h>

#include <functional>
#include <stdexcept>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

// Waits to be cancelled, cleans up for a while, and ends cancelled.
Coro<> stop_slowly(std::string& log, std::chrono::seconds clean_up) {
  bool cancelled = false;
  try {
    co_await sleep(1h);
  } catch (const CancelledError&) {
    cancelled = true;
    log += "cancelled ";
  }
  co_await sleep(clean_up);
  log += "cleaned ";
  if (cancelled) throw CancelledError();
}

// --- waiting for tasks and futures in a scope

ASYNC_TEST(CancelScope, a_wait_for_a_task_passes_the_cancel_on_and_waits_for_its_end) {
  std::string log;
  auto child = create_task(stop_slowly(log, 5s));
  CancelScope scope = move_on_after(1s);
  co_await with(scope, [&]() -> Coro<> { co_await child; });
  EXPECT_EQ(log, "cancelled cleaned ");
  EXPECT_TRUE(scope.cancelled_caught());
  EXPECT_TRUE(child.cancelled());
}

ASYNC_TEST(CancelScope, a_wait_for_a_task_that_gives_a_value_all_the_same_gets_it) {
  auto child = create_task([]() -> Coro<int> {
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
    }
    co_return 1;
  });
  CancelScope scope = move_on_after(1s);
  const std::optional<int> value = co_await with(scope, [&]() -> Coro<int> { co_return co_await child; });
  EXPECT_EQ(value, 1);
  EXPECT_FALSE(scope.cancelled_caught());
}

ASYNC_TEST(CancelScope, two_scopes_disturb_the_cleaning_up_of_an_awaited_task_only_once) {
  int cancels = 0;
  auto child = create_task(
      [](int& count) -> Coro<> {
        for (int i = 0; i < 3; ++i) {
          try {
            co_await sleep(10s);
          } catch (const CancelledError&) {
            ++count;
          }
        }
        throw CancelledError();
      },
      std::ref(cancels));
  CancelScope outer = move_on_after(2s);
  CancelScope inner = move_on_after(1s);
  co_await with(outer, [&]() -> Coro<> {
    co_await with(inner, [&]() -> Coro<> { co_await child; });
    ADD_FAILURE();
  });
  EXPECT_EQ(cancels, 1);
  EXPECT_TRUE(outer.cancelled_caught());
}

ASYNC_TEST(CancelScope, a_wait_for_a_future_cancels_it) {
  Future<int> future;
  CancelScope scope = move_on_after(1s);
  co_await with(scope, [&]() -> Coro<> { co_await future; });
  EXPECT_TRUE(scope.cancelled_caught());
  EXPECT_TRUE(future.cancelled());
}

ASYNC_TEST(CancelScope, a_task_cancelled_by_somebody_else_is_not_the_scopes_affair) {
  auto child = create_task(sleep(1h));
  CancelScope scope;
  bool caught = false;
  try {
    co_await with(scope, [&]() -> Coro<> {
      child.cancel();
      co_await child;
    });
  } catch (const CancelledError&) {
    caught = true;
  }
  EXPECT_TRUE(caught);
  EXPECT_FALSE(scope.cancelled_caught());
}

// BH-TMO-13
ASYNC_TEST(CancelScope, around_a_group_cancels_its_tasks_and_waits_for_them) {
  std::string log;
  const TimePoint start = get_running_loop().time();
  for (const bool body_waits : {false, true}) {
    CancelScope scope = move_on_after(1s);
    co_await with(scope, [&]() -> Coro<> {
      co_await with(TaskGroup(), [&](TaskGroup& group) -> Coro<> {
        group.create_task(stop_slowly(log, 2s));  // not in the scope: it can clean up
        if (body_waits) co_await sleep(1h);
      });
      ADD_FAILURE();
    });
    EXPECT_TRUE(scope.cancelled_caught());
  }
  EXPECT_EQ(log, "cancelled cleaned cancelled cleaned ");
  EXPECT_EQ(get_running_loop().time() - start, 6s);
}

// BH-TMO-13
ASYNC_TEST(CancelScope, a_failure_in_a_group_wins_over_the_scope_around_it) {
  FailScope scope = fail_after(1s);
  bool failed = false;
  try {
    co_await with(scope, []() -> Coro<> {
      co_await with(TaskGroup(), [](TaskGroup& group) -> Coro<> {
        group.create_task([]() -> Coro<> {
          try {
            co_await sleep(1h);
          } catch (const CancelledError&) {
            throw std::runtime_error("clean-up");
          }
        });
        co_await sleep(1h);
      });
    });
  } catch (const ExceptionGroup& group) {
    failed = group.exceptions().size() == 1;
  }
  EXPECT_TRUE(failed);
  EXPECT_FALSE(scope.cancelled_caught());
}

ASYNC_TEST(CancelScope, a_request_in_the_exit_of_a_group_is_not_lost_in_the_scope) {
  auto block = create_task([]() -> Coro<> {
    co_await with(move_on_after(1s), []() -> Coro<> {
      co_await with(TaskGroup(), [](TaskGroup& group) -> Coro<> {
        group.create_task([]() -> Coro<> {
          try {
            co_await sleep(1h);
          } catch (const CancelledError&) {
          }
          co_await sleep(5s);
        });
        co_await sleep(1h);
      });
    });
    ADD_FAILURE();
  });
  co_await sleep(3s);  // the scope has cancelled the block, and its exit waits
  block.cancel();
  co_await sleep(5s);
  EXPECT_TRUE(block.cancelled());
}

ASYNC_TEST(CancelScope, start_in_a_scope_waits_for_its_task) {
  std::string log;
  CancelScope scope = move_on_after(1s);
  co_await with(TaskGroup(), [&](TaskGroup& group) -> Coro<> {
    co_await with(scope, [&]() -> Coro<> {
      co_await group.start([](Started<void>&, std::string& text) -> Coro<> { co_await stop_slowly(text, 2s); },
                           std::ref(log));
      ADD_FAILURE();
    });
    EXPECT_EQ(log, "cancelled cleaned ");
  });
  EXPECT_TRUE(scope.cancelled_caught());
}

TEST(CancelScope, a_loop_that_closes_in_the_middle_of_a_block_takes_the_scope_out) {
  EventLoop loop;
  int reports = 0;
  loop.set_exception_handler([&reports](EventLoop&, const ExceptionContext&) { ++reports; });
  loop.create_task([]() -> Coro<> {
    co_await with(move_on_after(1h),
                  []() -> Coro<> { co_await with(fail_after(1h), []() -> Coro<> { co_await sleep(2h); }); });
  }());
  loop.stop();
  loop.run_forever();
  loop.close();
  EXPECT_EQ(reports, 1);
}

}  // namespace
