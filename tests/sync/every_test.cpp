// SPDX-License-Identifier: MIT
#include <asyncio/every.h>

#include <asyncio/cancel_scope.h>
#include <asyncio/testing.h>
#include <asyncio/with.h>

#include "tests/sync/support.h"

#include <limits>
#include <memory>
#include <stdexcept>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

using Times = std::vector<std::chrono::nanoseconds>;

std::chrono::nanoseconds now() { return get_running_loop().time().time_since_epoch(); }

// Runs it until a time has come.
Coro<> run_until(std::chrono::nanoseconds end, Coro<> job) {
  auto task = create_task(std::move(job));
  co_await sleep(end - now());
  task.cancel();
  co_await settle();
  EXPECT_TRUE(task.cancelled());
}

ASYNC_TEST(Every, calls_at_once_and_then_at_each_multiple_of_the_period) {
  Times times;
  co_await run_until(3500ms, every(1s, [&]() -> Coro<> {
                       times.push_back(now());
                       co_return;
                     }));
  EXPECT_EQ(times, (Times{0s, 1s, 2s, 3s}));
}

ASYNC_TEST(Every, a_plain_function_will_do) {
  Times times;
  co_await run_until(25ms, every(10ms, [&] { times.push_back(now()); }));
  EXPECT_EQ(times, (Times{0ms, 10ms, 20ms}));
}

ASYNC_TEST(Every, what_f_takes_does_not_add_up) {
  Times times;
  co_await run_until(35ms, every(10ms, [&]() -> Coro<> {
                       times.push_back(now());
                       co_await sleep(7ms);
                     }));
  EXPECT_EQ(times, (Times{0ms, 10ms, 20ms, 30ms}));
}

ASYNC_TEST(Every, times_that_f_has_missed_are_left_out) {
  Times times;
  co_await run_until(75ms, every(10ms, [&]() -> Coro<> {
                       times.push_back(now());
                       co_await sleep(times.size() == 1 ? 34ms : 1ms);
                     }));
  EXPECT_EQ(times, (Times{0ms, 40ms, 50ms, 60ms, 70ms}));
}

ASYNC_TEST(Every, a_call_that_ends_when_the_next_one_is_due_is_followed_by_it_at_once) {
  Times times;
  co_await run_until(65ms, every(10ms, [&]() -> Coro<> {
                       times.push_back(now());
                       co_await sleep(times.size() == 1 ? 10ms : 20ms);
                     }));
  EXPECT_EQ(times, (Times{0ms, 10ms, 30ms, 50ms}));
}

ASYNC_TEST(Every, an_error_of_f_comes_out) {
  int calls = 0;
  std::string what;
  try {
    co_await every(1s, [&] {
      if (++calls == 3) throw std::runtime_error("the third");
    });
  } catch (const std::runtime_error& error) {
    what = error.what();
  }
  EXPECT_EQ(what, "the third");
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(now(), 2s);
}

ASYNC_TEST(Every, a_cancel_reaches_f_and_ends_it) {
  std::string log;
  auto task = create_task(every(1s, [&]() -> Coro<> {
    log += "begin ";
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
      log += "cancelled";
      throw;
    }
  }));
  co_await settle();
  task.cancel();
  co_await settle();
  EXPECT_TRUE(task.cancelled());
  EXPECT_EQ(log, "begin cancelled");
}

ASYNC_TEST(Every, ends_with_the_scope_around_it) {
  int calls = 0;
  co_await with(move_on_after(45ms), [&](CancelScope& scope) -> Coro<> {
    co_await every(10ms, [&] { ++calls; });
    ADD_FAILURE() << "it ended by itself, cancelled: " << scope.cancelled_caught();
  });
  EXPECT_EQ(calls, 5);
}

ASYNC_TEST(Every, keeps_f_and_its_arguments_which_are_the_same_at_each_call) {
  int last = 0;
  auto job =
      every(1s, [](std::unique_ptr<int>& count, int* out) { *out = ++*count; }, std::make_unique<int>(40), &last);
  co_await run_until(1500ms, std::move(job));
  EXPECT_EQ(last, 42);
}

struct Counter {
  int count = 0;
  Coro<int> add() { co_return ++count; }
};

ASYNC_TEST(Every, f_may_be_a_member_function_and_give_something) {
  Counter counter;
  co_await run_until(2500ms, every(1s, &Counter::add, &counter));
  EXPECT_EQ(counter.count, 3);
}

ASYNC_TEST(Every, a_period_may_be_fractional_and_longer_than_the_clock_reaches) {
  int calls = 0;
  co_await run_until(1600ms, every(std::chrono::duration<double>(0.5), [&] { ++calls; }));
  EXPECT_EQ(calls, 4);
  co_await run_until(now() + 24h, every(std::chrono::hours::max(), [&] { ++calls; }));
  EXPECT_EQ(calls, 5);
}

TEST(Every, refuses_a_period_of_nothing_in_the_call) {
  EXPECT_THROW(static_cast<void>(every(0s, [] {})), ValueError);
  EXPECT_THROW(static_cast<void>(every(-1s, [] {})), ValueError);
  EXPECT_THROW(static_cast<void>(every(std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN()), [] {})),
               ValueError);
}

}  // namespace
