// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include "tests/testing/failures.h"

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <thread>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

// Tests that do not end by themselves.

namespace {

class TimeLimit {
 public:
  explicit TimeLimit(const char* seconds) { ::setenv(name, seconds, 1); }
  TimeLimit(const TimeLimit&) = delete;
  ~TimeLimit() { ::unsetenv(name); }

 private:
  static constexpr const char* name = "ASYNCIO_TEST_TIMEOUT";
};

Coro<> lock_twice(Lock& lock) {
  co_await lock.acquire();
  co_await lock.acquire();
}

Coro<> wait_for_each_other() {
  Lock lock;
  auto task = create_task(lock_twice(lock), {.name = "greedy"});
  co_await sleep(1h);
  co_await task;
}

// --- deadlocks

TEST(StuckTest, a_deadlock_in_virtual_time_fails_at_once_with_the_await_chain_of_each_task) {
  EXPECT_TRUE(Failures(wait_for_each_other)
                  .are_one({"deadlock: ", "Task-", "waiting in ", "in wait_for_each_other (", "stuck_test.cpp:",
                            "greedy: waiting in Lock.acquire", "in lock_twice (", "stuck_test.cpp:"}));
}

bool cleaned_up = false;

Coro<> clean_up_after_a_deadlock() {
  Event never;
  try {
    co_await never.wait();
  } catch (const CancelledError&) {
    cleaned_up = true;
    throw;
  }
}

TEST(StuckTest, a_deadlocked_test_may_clean_up) {
  cleaned_up = false;
  EXPECT_TRUE(Failures(clean_up_after_a_deadlock).are_one({"deadlock: ", "Event.wait"}));
  EXPECT_TRUE(cleaned_up);
}

Coro<> catch_the_cancel() {
  for (Event never;;) {
    try {
      co_await never.wait();
    } catch (const CancelledError&) {  // which a program must not do
    }
  }
}

TEST(StuckTest, a_deadlocked_test_that_goes_on_waiting_is_given_up) {
  EXPECT_TRUE(Failures(catch_the_cancel).are_one({"deadlock: ", "in catch_the_cancel ("}));
}

Coro<> leave_one_that_holds_out() {
  create_task(catch_the_cancel());
  co_await sleep(1s);
  require(false);
}

TEST(StuckTest, a_task_that_is_left_and_holds_out_is_given_up_too) {
  const Failures failures(leave_one_that_holds_out);
  EXPECT_EQ(failures.count(), 2);
  EXPECT_NE(failures.text().find("deadlock: "), std::string::npos) << failures.text();
}

ASYNC_TEST(StuckTest, waiting_for_a_thread_is_no_deadlock) {
  auto answer = get_running_loop().create_future<int>();
  std::thread thread([&, &loop = get_running_loop()] {
    std::this_thread::yield();
    loop.call_soon_threadsafe([&answer] { answer.set_result(42); });
  });
  EXPECT_EQ(co_await answer, 42);
  thread.join();
  EXPECT_EQ(co_await to_thread([] { return 7; }), 7);
}

ASYNC_TEST(StuckTest, waiting_for_a_descriptor_is_no_deadlock) {
  int ends[2];
  require_eq(::pipe(ends), 0);
  auto readable = get_running_loop().create_future();
  get_running_loop().add_reader(ends[0], [&readable] { readable.set_result(); });
  require_eq(::write(ends[1], "x", 1), 1);
  co_await readable;
  get_running_loop().remove_reader(ends[0]);
  ::close(ends[0]);
  ::close(ends[1]);
}

ASYNC_TEST(StuckTest, waiting_for_a_signal_is_no_deadlock) {
  auto come = get_running_loop().create_future();
  get_running_loop().add_signal_handler(SIGUSR1, [&come] { come.set_result(); });
  std::raise(SIGUSR1);
  co_await come;
  get_running_loop().remove_signal_handler(SIGUSR1);
}

// --- the limit of time

Coro<> wait_on_the_real_clock() { co_await sleep(1h); }

TEST(StuckTest, a_test_that_takes_too_long_fails_with_the_await_chain_of_each_task) {
  const TimeLimit limit("0.05");
  EXPECT_TRUE(Failures(wait_on_the_real_clock, Time::real_time)
                  .are_one({"the test has not ended after 0.05 s", "waiting in sleep", "in wait_on_the_real_clock ("}));
}

Coro<> never_wait() {
  for (;;) co_await sleep(0s);
}

TEST(StuckTest, a_test_that_spins_is_ended_too) {
  const TimeLimit limit("0.05");
  EXPECT_TRUE(Failures(never_wait).are_one({"the test has not ended after 0.05 s", "in never_wait ("}));
}

TEST(StuckTest, a_limit_of_nothing_is_none_and_one_that_is_no_number_is_an_error) {
  {
    const TimeLimit limit("0");
    EXPECT_EQ(Failures(+[]() -> Coro<> { co_await sleep(10ms); }, Time::real_time).text(), "");
  }
  const TimeLimit limit("soon");
  EXPECT_TRUE(Failures(+[]() -> Coro<> { co_return; }).are_one({"ASYNCIO_TEST_TIMEOUT is 'soon'"}));
}

[[noreturn]] void run_stuck(Coro<> (*body)()) {
  const TimeLimit limit("0.05");
  run_test(body, Time::real_time);
  std::exit(0);
}

Coro<> never_return() {
  co_await sleep(0s);
  for (;;) std::this_thread::yield();
}

Coro<> spin_through_cancels() {
  for (;;) {
    try {
      co_await sleep(0s);
    } catch (const CancelledError&) {
    }
  }
}

TEST(StuckTestDeathTest, a_step_that_never_returns_ends_the_program_by_a_signal) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run_stuck(never_return),
               "a_step_that_never_returns_ends_the_program_by_a_signal has not ended after "
               "0.05 s .*its loop is stuck in a step that does not return");
}

TEST(StuckTestDeathTest, a_test_that_holds_out_against_its_cancel_ends_the_program) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run_stuck(spin_through_cancels), "has not ended after 0.05 s .*does not end on a cancel");
}

}  // namespace
