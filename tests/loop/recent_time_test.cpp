// SPDX-License-Identifier: MIT
#include <asyncio/lowlevel/recent_time.h>

#include <asyncio/event_loop.h>
#include <asyncio/testing.h>

using namespace asyncio;
using namespace asyncio::testing;

ASYNC_IO_TEST(RecentTime, stands_still_within_a_step_and_goes_on_after_a_wait) {
  const TimePoint before = get_running_loop().time();
  co_await sleep(std::chrono::milliseconds(2));
  const TimePoint recent = lowlevel::recent_time();
  EXPECT_GE(recent, before + std::chrono::milliseconds(2));
  while (get_running_loop().time() < recent + std::chrono::milliseconds(1)) {
  }
  EXPECT_EQ(lowlevel::recent_time(), recent);
  co_await sleep(std::chrono::milliseconds(1));
  EXPECT_GT(lowlevel::recent_time(), recent);
  EXPECT_LE(lowlevel::recent_time(), get_running_loop().time());
}

ASYNC_TEST(RecentTime, is_that_of_a_virtual_clock) {
  const TimePoint begin = lowlevel::recent_time();
  EXPECT_EQ(begin, get_running_loop().time());
  co_await sleep(std::chrono::hours(5));
  EXPECT_EQ(lowlevel::recent_time(), begin + std::chrono::hours(5));
}

TEST(RecentTime, needs_a_running_loop) { EXPECT_THROW((void)lowlevel::recent_time(), RuntimeError); }
