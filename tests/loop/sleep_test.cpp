// SPDX-License-Identifier: MIT
#include <asyncio/sleep.h>

#include <asyncio/testing.h>

#include "loop/loop_state.h"

#include <limits>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

Coro<> sleep_and_sign(std::chrono::nanoseconds duration, char name, std::string& log) {
  co_await sleep(duration);
  log += name;
}

// BH-MISC-01
ASYNC_TEST(Sleep, lasts_as_long_as_asked_and_no_longer) {
  const TimePoint start = get_running_loop().time();
  co_await sleep(1500ms);
  EXPECT_EQ(get_running_loop().time() - start, 1500ms);
  co_await sleep(std::chrono::duration<double>(0.25));
  EXPECT_EQ(get_running_loop().time() - start, 1750ms);
  co_await sleep(1ns);
  EXPECT_EQ(get_running_loop().time() - start, 1750ms + 1ns);
}

// What is compared with the limits of a clock is compared in the type of both, which may have no sign.
ASYNC_TEST(Sleep, lasts_as_long_as_asked_whatever_type_counts_the_time) {
  const TimePoint start = get_running_loop().time();
  co_await sleep(std::chrono::duration<std::uint64_t>(5));
  EXPECT_EQ(get_running_loop().time() - start, 5s);
  co_await sleep(std::chrono::duration<unsigned, std::milli>(500));
  EXPECT_EQ(get_running_loop().time() - start, 5500ms);
  co_await sleep(std::chrono::duration<std::uint64_t, std::nano>(250));
  EXPECT_EQ(get_running_loop().time() - start, 5500ms + 250ns);
  co_await sleep(std::chrono::duration<std::uint64_t, std::pico>(1001));  // up to the next nanosecond
  EXPECT_EQ(get_running_loop().time() - start, 5500ms + 252ns);
  co_await sleep(std::chrono::duration<unsigned char, std::ratio<3600>>(2));
  EXPECT_EQ(get_running_loop().time() - start, 2h + 5500ms + 252ns);
  EXPECT_EQ(detail::to_nanoseconds(std::chrono::duration<std::uint64_t>::max()), std::chrono::nanoseconds::max());
  EXPECT_EQ(detail::to_nanoseconds(std::chrono::duration<std::uint64_t, std::nano>::max()),
            std::chrono::nanoseconds::max());
}

ASYNC_TEST(Sleep, those_that_end_together_end_in_the_order_in_which_they_began) {
  std::string log;
  create_task(sleep_and_sign(2s, 'c', log));
  create_task(sleep_and_sign(1s, 'a', log));
  create_task(sleep_and_sign(1s, 'b', log));
  co_await sleep(3s);
  EXPECT_EQ(log, "abc");
}

// BH-MISC-01, BH-TASK-22
ASYNC_TEST(Sleep, of_zero_or_less_lets_what_is_ready_run_and_no_more) {
  std::string log;
  EventLoop& loop = get_running_loop();
  const TimePoint start = loop.time();
  for (auto duration : {0ns, -1ns, std::chrono::nanoseconds::min()}) {
    log.clear();
    loop.call_soon([&] {
      log += 'a';
      loop.call_soon([&] { log += 'c'; });
    });
    loop.call_soon([&] { log += 'b'; });
    co_await sleep(duration);
    EXPECT_EQ(log, "ab");
    co_await sleep(0s);
    EXPECT_EQ(log, "abc");
  }
  EXPECT_EQ(loop.time(), start);
}

// BH-MISC-01
ASYNC_TEST(Sleep, of_nan_is_an_error_and_of_infinity_is_not) {
  EXPECT_THROW((void)sleep(std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN())), ValueError);
  EXPECT_THROW((void)sleep(std::chrono::duration<float, std::milli>(std::numeric_limits<float>::quiet_NaN())),
               ValueError);
  auto forever = create_task(sleep(std::chrono::duration<double>(std::numeric_limits<double>::infinity())));
  auto never = create_task(sleep(std::chrono::duration<double>(-std::numeric_limits<double>::infinity())));
  auto hours = create_task(sleep(std::chrono::hours::max()));
  co_await sleep(24h * 365 * 100);
  EXPECT_TRUE(never.done());
  EXPECT_FALSE(forever.done());
  EXPECT_FALSE(hours.done());
  forever.cancel();
  hours.cancel();
}

// BH-MISC-01
ASYNC_TEST(Sleep, a_cancel_removes_its_timer) {
  EventLoop& loop = get_running_loop();
  EXPECT_EQ(loop.state().timers.size(), 0u);
  auto task = create_task(sleep(1h));
  co_await settle();
  EXPECT_EQ(loop.state().timers.size(), 1u);
  task.cancel();
  EXPECT_EQ(loop.state().timers.size(), 0u);
  co_await settle();
  EXPECT_TRUE(task.cancelled());
}

// BH-TASK-22
ASYNC_TEST(Sleep, that_is_over_ends_with_a_cancel_that_came_before_the_task_ran) {
  EventLoop& loop = get_running_loop();
  auto task = create_task(sleep(1s));
  loop.call_at(loop.time() + 1s, [task] { task.cancel(); });
  co_await sleep(2s);
  EXPECT_TRUE(task.done());
  EXPECT_TRUE(task.cancelled());
}

ASYNC_IO_TEST(Sleep, in_real_time_is_never_too_short) {
  const auto start = Clock::now();
  co_await sleep(2ms);
  EXPECT_GE(Clock::now() - start, 2ms);
}

ASYNC_TEST(UntilIdle, waits_until_everything_that_needs_no_time_has_happened) {
  std::string log;
  const auto work = [](std::string& into) -> Coro<> {
    for (int i = 0; i < 10; ++i) co_await sleep(0s);
    into += 'a';
    co_await sleep(1s);
    into += 'b';
  };
  auto task = create_task(work(log));
  co_await until_idle();
  EXPECT_EQ(log, "a");
  EXPECT_FALSE(task.done());
  co_await task;
}

ASYNC_TEST(UntilIdle, two_that_wait_for_it_go_on_together) {
  std::string log;
  const auto wait = [](std::string& into, char name) -> Coro<> {
    co_await until_idle();
    into += name;
  };
  create_task(wait(log, 'a'));
  create_task(wait(log, 'b'));
  co_await until_idle();
  co_await until_idle();
  EXPECT_EQ(log, "ab");
}

ASYNC_TEST(UntilIdle, can_be_cancelled) {
  auto task = create_task(until_idle());
  co_await sleep(0s);
  task.cancel();
  co_await settle();
  EXPECT_TRUE(task.cancelled());
}

}  // namespace
