// SPDX-License-Identifier: MIT
#include <asyncio/capacity_limiter.h>
#include <asyncio/run.h>
#include <asyncio/sleep.h>
#include <asyncio/stream.h>

#include "tests/allocation/failing_new.h"
#include "tests/allocation/scenarios.h"

#include <gtest/gtest.h>

#include <new>
#include <string>

namespace allocation_test {
namespace {

// A sample; all of them fail in tests/long/.
class Allocation : public ::testing::TestWithParam<Scenario> {};

TEST_P(Allocation, that_fails_comes_out_and_harms_nothing_else) {
  fail_every_allocation(GetParam(), 1, GetParam().in_threads ? 1 : 7);
}

INSTANTIATE_TEST_SUITE_P(Sample, Allocation, ::testing::ValuesIn(scenarios().begin(), scenarios().end()),
                         [](const auto& given) { return std::string(given.param.name); });

using namespace asyncio;

const std::string sent = "a line of more than sixteen characters\nand another one, of more than sixteen too\n";

// What is read while the nth allocation fails, and then the rest. Gives whether one has failed.
template <class Read>
Coro<bool> read_with_a_failure(long nth, Read read) {
  StreamPair pair = make_stream_pair();
  pair.first.writer.write(sent);
  pair.first.writer.close();
  std::string got;
  failing_new::arm(nth);
  try {
    got = co_await read(pair.second.reader);
  } catch (const std::bad_alloc&) {
  }
  failing_new::disarm();
  const bool failed = failing_new::has_failed();
  bool lost = false;
  try {
    got += co_await pair.second.reader.read();
  } catch (const std::bad_alloc&) {
    lost = true;
  }
  EXPECT_TRUE(failed || !lost);
  if (!lost) {
    EXPECT_EQ(got, sent) << "allocation " << nth;
  }
  co_return failed;
}

// Where there is no memory for what has come, every later read says so, instead of going on behind it.
template <class Read>
void expect_no_hole(Read read) {
  for (long nth = 1; run(read_with_a_failure(nth, read)); ++nth) {
  }
}

TEST(AllocationOfStreams, that_fails_leaves_no_hole) {
  expect_no_hole([](StreamReader& reader) { return reader.read(50); });
  expect_no_hole([](StreamReader& reader) { return reader.read(); });
  expect_no_hole([](StreamReader& reader) { return reader.readexactly(50); });
  expect_no_hole([](StreamReader& reader) { return reader.readline(); });
  expect_no_hole([](StreamReader& reader) { return reader.readuntil("and"); });
}

Coro<> take_token(CapacityLimiter& limiter) {
  co_await limiter.acquire();
  limiter.release();
}

TEST(AllocationOfCapacityLimiter, is_not_needed_to_hand_a_token_on) {
  run([]() -> Coro<> {
    CapacityLimiter limiter(1);
    co_await limiter.acquire();
    auto waiting = create_task(take_token(limiter));
    co_await sleep(std::chrono::seconds(0));
    EXPECT_EQ(limiter.tasks_waiting(), 1);
    failing_new::arm(1);
    limiter.release();
    failing_new::disarm();
    EXPECT_FALSE(failing_new::has_failed());
    co_await waiting;
    EXPECT_EQ(limiter.available_tokens(), 1);
  });
}

// Where more tokens come there may be no memory to lend one. Then there is none, and nobody overtakes those that wait.
TEST(AllocationOfCapacityLimiter, that_fails_for_more_tokens_comes_out_and_leaves_them_out) {
  run([]() -> Coro<> {
    CapacityLimiter limiter(1);
    co_await limiter.acquire();
    auto waiting = create_task(take_token(limiter));
    co_await sleep(std::chrono::seconds(0));
    failing_new::arm(1);
    EXPECT_THROW(limiter.set_total_tokens(5), std::bad_alloc);
    failing_new::disarm();
    EXPECT_EQ(limiter.total_tokens(), 1);
    EXPECT_EQ(limiter.tasks_waiting(), 1);
    limiter.set_total_tokens(2);
    co_await waiting;
    limiter.release();
    EXPECT_EQ(limiter.borrowed_tokens(), 0);
  });
}

}  // namespace
}  // namespace allocation_test
