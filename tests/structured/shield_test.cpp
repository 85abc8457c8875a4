// SPDX-License-Identifier: MIT
#include <asyncio/shield.h>

#include <asyncio/cancel_scope.h>
#include <asyncio/testing.h>
#include <asyncio/with.h>

#include <memory>
#include <stdexcept>
#include <string>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

template <class T>
Coro<T> later(std::chrono::nanoseconds delay, T value) {
  co_await sleep(delay);
  co_return value;
}

Coro<int> fail_after(std::chrono::nanoseconds delay) {
  co_await sleep(delay);
  throw std::runtime_error("no");
}

Coro<int> shielded(Task<int> task) { co_return co_await shield(task); }

// BH-SHLD-01
ASYNC_TEST(Shield, keeps_a_cancel_of_the_awaiter_from_what_it_awaits) {
  Task<int> inner = create_task(later(2s, 1));
  auto outer = create_task(shielded(inner));
  co_await sleep(1s);
  outer.cancel();
  co_await settle();
  EXPECT_TRUE(outer.cancelled());
  EXPECT_FALSE(inner.done());
  EXPECT_EQ(inner.cancelling(), 0);
  EXPECT_EQ(co_await inner, 1);
}

// BH-SHLD-01
ASYNC_TEST(Shield, starts_a_coroutine_as_a_task_of_its_own) {
  int ended = 0;
  const auto work = [](int& count) -> Coro<> {
    co_await sleep(2s);
    ++count;
  };
  auto outer = create_task(shield(work(ended)));
  co_await sleep(1s);
  outer.cancel();
  co_await settle();
  EXPECT_TRUE(outer.cancelled());
  co_await sleep(2s);
  EXPECT_EQ(ended, 1);
}

// BH-SHLD-01
ASYNC_TEST(Shield, keeps_the_cancel_of_a_scope_from_what_it_awaits) {
  Task<int> inner = create_task(later(2s, 1));
  CancelScope scope = move_on_after(1s);
  co_await with(scope, [&]() -> Coro<> { co_await shield(inner); });
  EXPECT_TRUE(scope.cancelled_caught());
  EXPECT_EQ(co_await inner, 1);
}

// BH-SHLD-02
ASYNC_TEST(Shield, gives_the_outcome_of_what_it_awaits) {
  EXPECT_EQ(co_await shield(later(1s, 5)), 5);
  auto owned = co_await shield(later(1s, std::make_unique<int>(6)));
  EXPECT_EQ(*owned, 6);
  auto moved = co_await shield(create_task(later(1s, std::make_unique<int>(7))));
  EXPECT_EQ(*moved, 7);
  bool thrown = false;
  try {
    co_await shield(fail_after(1s));
  } catch (const std::runtime_error&) {
    thrown = true;
  }
  EXPECT_TRUE(thrown);

  Task<int> inner = create_task(later(1h, 1));
  auto outer = create_task(shielded(inner));
  co_await settle();
  inner.cancel();
  co_await settle();
  EXPECT_TRUE(outer.cancelled());
  EXPECT_EQ(outer.cancelling(), 0);
}

// BH-SHLD-03
ASYNC_TEST(Shield, of_what_has_ended_does_not_wait) {
  Task<int> task = create_task(later(0s, 4));
  co_await task;
  bool other_ran = false;
  get_running_loop().call_soon([&] { other_ran = true; });
  const int& value = co_await shield(task);
  EXPECT_EQ(&value, &task.result());
  EXPECT_FALSE(other_ran);
  Future<int> future;
  future.set_result(3);
  EXPECT_EQ(co_await shield(future), 3);
  co_await settle();
}

// BH-SHLD-04
ASYNC_TEST(Shield, whose_awaiters_are_gone_reports_a_failure_once) {
  {
    Task<int> inner = create_task(fail_after(2s));
    auto first = create_task(shielded(inner));
    auto second = create_task(shielded(inner));
    co_await sleep(1s);
    first.cancel();
    second.cancel();
    co_await sleep(2s);
    EXPECT_TRUE(inner.done());
    EXPECT_TRUE(take_reports().empty());  // it may still be looked at
  }
  EXPECT_EQ(take_reports(), std::vector<std::string>{"Task exception was never retrieved: no"});
}

ASYNC_TEST(Shield, lets_others_see_the_result_that_a_cancelled_awaiter_left) {
  Task<int> inner = create_task(later(2s, 1));
  auto first = create_task(shielded(inner));
  auto second = create_task(shielded(inner));
  co_await settle();
  first.cancel();
  EXPECT_EQ(co_await second, 1);
  EXPECT_TRUE(first.cancelled());
}

ASYNC_TEST(Shield, keeps_the_result_where_the_cancel_comes_after_it) {
  Future<int> future;
  const auto wait = [](Future<int> awaited, int& got) -> Coro<> {
    got = co_await shield(awaited);
    co_await sleep(0s);
  };
  int got = 0;
  auto outer = create_task(wait(future, got));
  co_await settle();
  future.set_result(9);
  outer.cancel();
  co_await settle();
  EXPECT_EQ(got, 9);
  EXPECT_TRUE(outer.cancelled());
}

// BH-SHLD-05
TEST(Shield, does_not_outlive_the_loop) {
  VirtualClock clock;
  bool cancelled = false;
  const auto work = [](bool& seen) -> Coro<> {
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
      seen = true;
      throw;
    }
  };
  const auto main = [&]() -> Coro<> {
    auto outer = create_task(shield(work(cancelled)));
    co_await settle();
    outer.cancel();
    co_await settle();
    EXPECT_FALSE(cancelled);
  };
  run(main(), {.clock = &clock});
  EXPECT_TRUE(cancelled);
}

}  // namespace
