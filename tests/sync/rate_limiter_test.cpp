// SPDX-License-Identifier: MIT
#include <asyncio/rate_limiter.h>

#include <asyncio/cancel_scope.h>
#include <asyncio/testing.h>
#include <asyncio/timeout.h>
#include <asyncio/with.h>

#include "tests/sync/support.h"

#include <limits>
#include <memory>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

using Times = std::vector<std::chrono::nanoseconds>;

std::chrono::nanoseconds now() { return get_running_loop().time().time_since_epoch(); }

// Takes `amount`, and notes when.
Coro<> take(RateLimiter& limiter, Times& times, double amount = 1) {
  co_await limiter.acquire(amount);
  times.push_back(now());
}

ASYNC_TEST(RateLimiter, gives_a_burst_at_once_and_then_as_much_as_comes) {
  RateLimiter limiter(4, 1s);
  Times times;
  for (int i = 0; i < 6; ++i) co_await take(limiter, times);
  EXPECT_EQ(times, (Times{0s, 0s, 0s, 0s, 250ms, 500ms}));
  co_await sleep(1h);
  EXPECT_EQ(limiter.available(), 4);  // and no more than that
  times.clear();
  for (int i = 0; i < 5; ++i) co_await take(limiter, times);
  EXPECT_EQ(times.back() - times.front(), 250ms);
}

ASYNC_TEST(RateLimiter, takes_are_evenly_spaced_by_a_burst_of_one) {
  RateLimiter limiter(10, 1s, {.burst = 1});
  Times times;
  for (int i = 0; i < 4; ++i) co_await take(limiter, times);
  EXPECT_EQ(times, (Times{0s, 100ms, 200ms, 300ms}));
}

ASYNC_TEST(RateLimiter, a_rate_may_be_a_fraction) {
  RateLimiter limiter(0.5, 1s);
  Times times;
  for (int i = 0; i < 3; ++i) co_await take(limiter, times);
  EXPECT_EQ(times, (Times{0s, 2s, 4s}));
}

ASYNC_TEST(RateLimiter, an_amount_may_be_a_fraction_and_nothing_is_always_there) {
  RateLimiter limiter(1, 1s);
  co_await limiter.acquire(0.75);
  EXPECT_DOUBLE_EQ(limiter.available(), 0.25);
  Times times;
  co_await take(limiter, times, 0);
  co_await take(limiter, times, 0.5);
  EXPECT_EQ(times, (Times{0s, 250ms}));
}

ASYNC_TEST(RateLimiter, a_remainder_of_a_nanosecond_does_not_add_up) {
  RateLimiter limiter(3, 1s, {.burst = 1});
  for (int i = 0; i < 30'001; ++i) co_await limiter.acquire();
  EXPECT_LE(now(), 10'000s);
  EXPECT_GE(now(), 10'000s - 1ns);
}

ASYNC_TEST(RateLimiter, serves_in_arrival_order_and_nobody_overtakes_with_less) {
  RateLimiter limiter(10, 1s);
  co_await limiter.acquire(10);
  Times many;
  Times few;
  auto first = create_task(take, std::ref(limiter), std::ref(many), 5);
  auto second = create_task(take, std::ref(limiter), std::ref(few), 1);
  co_await sleep(200ms);
  EXPECT_FALSE(limiter.try_acquire(1));
  EXPECT_EQ(reason(first), "RateLimiter.acquire");
  co_await first;
  co_await second;
  EXPECT_EQ(many, Times{500ms});
  EXPECT_EQ(few, Times{600ms});
}

ASYNC_TEST(RateLimiter, those_for_whom_there_is_enough_go_on_together) {
  RateLimiter limiter(4, 1s);
  co_await limiter.acquire(4);
  Times times;
  auto large = create_task(take, std::ref(limiter), std::ref(times), 4);
  auto small = create_task(take, std::ref(limiter), std::ref(times), 0);
  co_await large;
  co_await small;
  EXPECT_EQ(times, (Times{1s, 1s}));
}

ASYNC_TEST(RateLimiter, a_cancelled_wait_takes_nothing_and_those_behind_move_up) {
  RateLimiter limiter(10, 1s);
  co_await limiter.acquire(10);
  Times never;
  Times times;
  auto large = create_task(take, std::ref(limiter), std::ref(never), 10);
  auto small = create_task(take, std::ref(limiter), std::ref(times), 2);
  auto last = create_task(take, std::ref(limiter), std::ref(times), 2);
  co_await sleep(300ms);
  large.cancel();
  co_await last;
  EXPECT_EQ(times, (Times{300ms, 400ms}));  // there were three
  EXPECT_TRUE(small.done());
  EXPECT_TRUE(large.cancelled());
  EXPECT_EQ(never, Times());
  EXPECT_DOUBLE_EQ(limiter.available(), 0);
}

ASYNC_TEST(RateLimiter, a_cancel_of_one_in_the_middle_changes_nothing_for_the_first) {
  RateLimiter limiter(1, 1s);
  co_await limiter.acquire();
  Times times;
  auto first = create_task(take, std::ref(limiter), std::ref(times), 1);
  auto second = create_task(take, std::ref(limiter), std::ref(times), 1);
  auto third = create_task(take, std::ref(limiter), std::ref(times), 1);
  co_await settle();
  second.cancel();
  co_await third;
  EXPECT_EQ(times, (Times{1s, 2s}));
  EXPECT_TRUE(first.done());
  EXPECT_TRUE(second.cancelled());
}

ASYNC_TEST(RateLimiter, the_only_one_that_waits_leaves_no_timer_behind) {
  RateLimiter limiter(1, 1h);
  co_await limiter.acquire();
  EXPECT_TRUE(co_await throws<TimeoutError>(wait_for(limiter.acquire(), 1s)));
  co_await settle();
  EXPECT_EQ(now(), 1s);
}  // and the kit would say

ASYNC_TEST(RateLimiter, a_cancel_after_the_tokens_were_given_loses_none) {
  RateLimiter limiter(1, 1s);
  co_await limiter.acquire();
  Times times;
  auto waiter = create_task(take, std::ref(limiter), std::ref(times), 1);
  get_running_loop().call_later(1s, [&waiter] { waiter.cancel(); });  // at the same moment, but made later
  co_await wait_for(sleep(1s), std::nullopt);
  co_await settle();
  EXPECT_TRUE(waiter.done());
  EXPECT_EQ(times.size(), waiter.cancelled() ? 0U : 1U);
  EXPECT_DOUBLE_EQ(limiter.available(), waiter.cancelled() ? 1 : 0);
}

ASYNC_TEST(RateLimiter, a_wait_in_a_cancelled_scope_is_refused_and_takes_nothing) {
  RateLimiter limiter(1, 1s);
  co_await limiter.acquire();
  co_await with(CancelScope(), [&](CancelScope& scope) -> Coro<> {
    scope.cancel();
    co_await limiter.acquire();
    ADD_FAILURE() << "the wait was not refused";
  });
  co_await sleep(1s);
  EXPECT_TRUE(limiter.try_acquire());
}

ASYNC_TEST(RateLimiter, is_a_block_too) {
  RateLimiter limiter(1, 1s);
  Times times;
  for (int i = 0; i < 2; ++i) {
    co_await with(limiter, [&]() -> Coro<> {
      times.push_back(now());
      co_return;
    });
  }
  EXPECT_EQ(times, (Times{0s, 1s}));
}

ASYNC_TEST(RateLimiter, refuses_what_can_never_be) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (double amount : {0.0, -1.0, nan, infinity}) EXPECT_THROW(RateLimiter(amount, 1s), ValueError) << amount;
  EXPECT_THROW(RateLimiter(1, 0s), ValueError);
  EXPECT_THROW(RateLimiter(1, -1s), ValueError);
  for (double burst : {0.0, -1.0, nan, infinity})
    EXPECT_THROW(RateLimiter(1, 1s, {.burst = burst}), ValueError) << burst;
  RateLimiter limiter(2, 1s);
  for (double amount : {-1.0, nan, infinity, 2.5}) {
    EXPECT_THROW(limiter.try_acquire(amount), ValueError) << amount;
    EXPECT_THROW(static_cast<void>(limiter.acquire(amount)), ValueError) << amount;
  }
  EXPECT_EQ(limiter.available(), 2);
  co_return;
}

ASYNC_TEST(RateLimiter, may_be_as_slow_as_the_clock_and_as_fast_as_numbers_go) {
  RateLimiter slow(1, 365 * 24h);
  EXPECT_TRUE(slow.try_acquire());
  co_await slow.acquire();
  EXPECT_EQ(now(), 365 * 24h);
  EXPECT_THROW(RateLimiter(1e-300, 1s), ValueError);
  EXPECT_THROW(RateLimiter(1, std::chrono::hours::max()), ValueError);
  RateLimiter fast(1e300, 1s);
  for (int i = 0; i < 100; ++i) co_await fast.acquire(1e290);
  EXPECT_EQ(now(), 365 * 24h);
}

TEST(RateLimiter, goes_by_the_clock_of_the_loop_that_uses_it) {
  RateLimiter limiter(1, 1s);
  VirtualClock late(TimePoint(100h));
  run(limiter.acquire(), {.clock = &late});
  VirtualClock early;
  run(limiter.acquire(), {.clock = &early});
  EXPECT_EQ(early.elapsed(), 1s);
}

TEST(RateLimiter, refuses_a_second_loop_while_somebody_waits) {
  auto limiter = std::make_unique<RateLimiter>(1, 1h);
  EventLoop first;
  EventLoop second;
  first.run_until_complete(limiter->acquire());
  auto waiting = first.create_task(detail::as_coro(limiter->acquire()));
  first.run_until_complete(settle());
  EXPECT_TRUE(second.run_until_complete(throws<RuntimeError>(limiter->acquire())));
  waiting.cancel();
  first.run_until_complete(settle());
  EXPECT_TRUE(waiting.cancelled());
}

TEST(RateLimiter, may_go_before_those_who_wait_and_before_the_loop) {
  auto limiter = std::make_unique<RateLimiter>(1, 1h);
  EventLoop loop;
  loop.run_until_complete(limiter->acquire());
  auto waiting = loop.create_task(detail::as_coro(limiter->acquire()));
  loop.run_until_complete(settle());
  limiter.reset();
  loop.run_until_complete(settle());
  EXPECT_FALSE(waiting.done());
  waiting.cancel();
  loop.run_until_complete(settle());
  EXPECT_TRUE(waiting.cancelled());
}

TEST(RateLimiter, may_stay_longer_than_the_loop_in_which_tasks_wait) {
  RateLimiter limiter(1, 1h);
  {
    EventLoop loop;
    loop.set_exception_handler([](EventLoop&, const ExceptionContext&) {});  // of the tasks that are destroyed
    loop.run_until_complete(limiter.acquire());
    const auto one = loop.create_task(detail::as_coro(limiter.acquire()));
    const auto other = loop.create_task(detail::as_coro(limiter.acquire()));
    loop.run_until_complete(settle());
  }
  EXPECT_THROW(limiter.available(), RuntimeError);
}

}  // namespace
