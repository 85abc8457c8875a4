// SPDX-License-Identifier: MIT
#include <asyncio/testing.h>

#include <asyncio/asyncio.h>

#include "tests/testing/failures.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>
#include <tuple>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

// Whether memory that is left can be seen: under the address sanitizer nothing is pooled.
bool is_memory_counted() {
  const std::size_t before = detail::FramePool::bytes_in_use();
  void* const block = detail::FramePool::get(64);
  const bool counted = detail::FramePool::bytes_in_use() > before;
  detail::FramePool::put(block, 64);
  return counted;
}

Coro<> wait_an_hour() { co_await sleep(1h); }

Coro<> yield_for_ever() {
  for (;;) co_await sleep(0s);
}

Coro<> fail(const char* what) {
  co_await sleep(1s);
  throw std::runtime_error(what);
}

// --- nothing is left

Coro<> clean_up() {
  EventLoop& loop = get_running_loop();
  int calls = 0;
  const TimerHandle timer = loop.call_later(1h, [] {});
  loop.call_soon([&calls] { ++calls; });
  const auto task = create_task(wait_an_hour());
  const auto failing = create_task(fail("oops"));
  const auto future = loop.create_future<int>();
  const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  co_await task;
  EXPECT_EQ(calls, 1);
  EXPECT_NE(failing.exception(), nullptr);
  ::close(fd);
  timer.cancel();
}

TEST(TestKit, a_test_that_leaves_nothing_passes) {
  EXPECT_EQ(Failures(clean_up).text(), "");
  EXPECT_EQ(Failures(+[]() -> Coro<> { co_await sleep(1ms); }, Time::real_time).text(), "");
}

// Needs some iterations for its end.
Coro<> clean_up_slowly() {
  bool again = false;
  try {
    co_await sleep(1h);
  } catch (const CancelledError&) {
    again = true;
  }
  for (int i = 0; again && i < 20; ++i) co_await sleep(0s);
}

Coro<> cancel_as_the_last_act() {
  const auto task = create_task(clean_up_slowly());
  co_await settle();
  task.cancel();
  get_running_loop().call_soon([] { get_running_loop().call_soon([] {}); });
}

TEST(TestKit, what_is_about_to_end_when_the_test_does_may_end) {
  EXPECT_EQ(Failures(cancel_as_the_last_act).text(), "");
}

Coro<> cancel_oneself_as_the_last_act() {
  create_task(sleep(0s));
  current_task().cancel();
  co_return;
}

TEST(TestKit, a_test_may_cancel_itself_as_its_last_act) {
  EXPECT_EQ(Failures(cancel_oneself_as_the_last_act).text(), "");
}

// --- a task is left

Coro<> leave_a_task() {
  create_task(wait_an_hour(), {.name = "fetch"});
  co_return;
}

TEST(TestKit, a_task_that_is_left_fails_the_test_with_what_it_waits_for_and_where) {
  for (Time time : {Time::virtual_time, Time::real_time}) {
    const Failures failures(leave_a_task, time);
    EXPECT_TRUE(failures.are_one({"a task is left: fetch: waiting in sleep\n", "in wait_an_hour (",
                                  "testing_test.cpp:", "started in leave_a_task (", "testing_test.cpp:"}));
  }
}

Coro<> leave_a_task_that_yields() {
  create_task(yield_for_ever());
  co_return;
}

TEST(TestKit, a_task_that_is_left_and_never_waits_is_found_too) {
  EXPECT_TRUE(Failures(leave_a_task_that_yields).are_one({"a task is left: Task-", "in yield_for_ever ("}));
}

Coro<> leave_twelve_tasks() {
  for (int i = 0; i < 12; ++i) create_task(wait_an_hour());
  co_return;
}

TEST(TestKit, of_many_tasks_that_are_left_ten_are_named) {
  const Failures failures(leave_twelve_tasks);
  EXPECT_EQ(failures.count(), 11);
  EXPECT_NE(failures.text().find("a task is left: and 2 more"), std::string::npos);
}

// --- a callback is left

Coro<> leave_an_armed_callback() {
  get_running_loop().call_later(1h, [] {});
  co_return;
}

TEST(TestKit, a_callback_that_is_left_armed_fails_the_test_with_its_type_and_time) {
  EXPECT_TRUE(Failures(leave_an_armed_callback)
                  .are_one({"a callback is left: ", "leave_an_armed_callback()", "armed, due in 3600 s"}));
}

struct CallAgain {
  void operator()() const { get_running_loop().call_soon(CallAgain()); }
};

Coro<> leave_a_callback_that_calls_again() {
  get_running_loop().call_soon(CallAgain());
  co_return;
}

TEST(TestKit, a_callback_that_is_always_ready_fails_the_test) {
  EXPECT_TRUE(Failures(leave_a_callback_that_calls_again).are_one({"a callback is left: ", "CallAgain: ready"}));
}

int pipe_ends[2];

Coro<> leave_a_reader() {
  get_running_loop().add_reader(pipe_ends[0], [] {});
  co_return;
}

TEST(TestKit, a_reader_that_is_left_fails_the_test_with_its_descriptor) {
  ASSERT_EQ(::pipe2(pipe_ends, O_CLOEXEC), 0);
  EXPECT_TRUE(Failures(leave_a_reader)
                  .are_one({"a callback is left: ", "leave_a_reader()", "reading fd " + std::to_string(pipe_ends[0])}));
  ::close(pipe_ends[0]);
  ::close(pipe_ends[1]);
}

// --- memory, descriptors and reports

// Under a sanitizer, which looks for memory that is left, the kit does not.
::testing::AssertionResult fail_for_memory(const Failures& failures) {
  if (is_memory_counted()) return failures.are_one({"a coroutine, task, future or handle is left in memory"});
  return ::testing::AssertionResult(failures.count() == 0) << failures.text();
}

std::optional<Future<>> kept_future;
std::optional<Coro<>> kept_coroutine;

TEST(TestKit, a_future_that_is_left_in_memory_fails_the_test) {
  const Failures failures(+[]() -> Coro<> {
    kept_future = get_running_loop().create_future();
    co_return;
  });
  kept_future.reset();
  EXPECT_TRUE(fail_for_memory(failures));
}

TEST(TestKit, a_coroutine_that_is_left_in_memory_fails_the_test) {
  const Failures failures(+[]() -> Coro<> {
    kept_coroutine.emplace(wait_an_hour());
    co_return;
  });
  kept_coroutine->close();
  kept_coroutine.reset();
  EXPECT_TRUE(fail_for_memory(failures));
}

int kept_fd = -1;

Coro<> leave_a_descriptor() {
  kept_fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  co_return;
}

TEST(TestKit, a_descriptor_that_is_left_open_fails_the_test_with_its_number_and_target) {
  const Failures failures(leave_a_descriptor);
  EXPECT_TRUE(failures.are_one({"a file descriptor is left open: " + std::to_string(kept_fd) + ", /dev/null"}));
  ::close(kept_fd);
}

Coro<> look_away() {
  create_task(fail("oops"));
  co_await sleep(1min);
}

TEST(TestKit, a_report_that_nobody_fetched_fails_the_test) {
  EXPECT_TRUE(
      Failures(look_away).are_one({"reported to the exception handler: Task exception was never retrieved: oops"}));
}

Coro<> look() {
  co_await look_away();
  EXPECT_EQ(take_reports(), std::vector<std::string>{"Task exception was never retrieved: oops"});
  EXPECT_EQ(take_reports(), std::vector<std::string>());
}

TEST(TestKit, a_report_that_was_fetched_does_not_fail_it) { EXPECT_EQ(Failures(look).text(), ""); }

// --- the end of a test

int steps = 0;
int line_of_require = 0;

Coro<> require_what_does_not_hold() {
  create_task(wait_an_hour());
  co_await settle();
  require(++steps == 1);
  line_of_require = __LINE__ + 1;
  require(++steps == 1);
  ++steps;
}

TEST(TestKit, require_ends_the_test_at_once_and_as_failed_with_its_line) {
  steps = 0;
  const Failures failures(require_what_does_not_hold);
  EXPECT_EQ(steps, 2);
  // The task is not told: who ends early cannot await it.
  ASSERT_TRUE(failures.are_one({"require(): the condition does not hold"}));
  EXPECT_TRUE(failures.only().fatally_failed());
  EXPECT_EQ(failures.only().line_number(), line_of_require);
  EXPECT_NE(std::string(failures.only().file_name()).find("testing_test.cpp"), std::string::npos);
}

Coro<> fail_in_a_task() { co_await create_task(fail("no route")); }

TEST(TestKit, an_exception_fails_the_test_with_its_type_its_text_and_the_coroutines_through_which_it_came) {
  EXPECT_TRUE(Failures(fail_in_a_task)
                  .are_one({"the test threw std::runtime_error: no route\n", "    in fail (",
                            "testing_test.cpp:", "\n    in fail_in_a_task (", "testing_test.cpp:"}));
  EXPECT_TRUE(Failures(+[]() -> Coro<> {
                co_await sleep(0s);
                throw CancelledError("enough");
              }).are_one({"the test was cancelled: enough"}));
  EXPECT_TRUE(Failures(+[]() -> Coro<> {
                co_await sleep(0s);
                throw SystemExit(3);
              }).are_one({"the test threw asyncio::SystemExit"}));
  EXPECT_TRUE(Failures(+[]() -> Coro<> {
                co_await sleep(0s);
                throw 42;
              }).are_one({"the test threw int"}));
}

// Virtual time does not pass for it: nothing is armed.
Coro<> wait_for_ever() {
  const auto never = get_running_loop().create_future();
  std::ignore = ::raise(SIGINT);
  co_await never;
}

TEST(TestKit, ctrl_c_ends_a_test_that_waits_for_ever_and_fails_it) {
  const auto previous = std::signal(SIGINT, SIG_DFL);
  const Failures failures(wait_for_ever);
  std::signal(SIGINT, previous);
  EXPECT_TRUE(failures.are_one({"the test was cancelled"}));
}

// --- time

ASYNC_TEST(TestKit, settle_goes_on_once_nothing_is_ready_and_takes_no_time) {
  EventLoop& loop = get_running_loop();
  const TimePoint begin = loop.time();
  std::string log;
  Event event;
  const auto waiter = create_task(
      +[](Event* set, std::string* out) -> Coro<> {
        co_await set->wait();
        for (int i = 0; i < 1000; ++i) co_await sleep(0s);
        get_running_loop().call_soon([out] { *out += "called "; });
        co_await sleep(0s);
        *out += "ended ";
      },
      &event, &log);
  const auto sleeper = create_task(sleep(1ns));
  co_await settle();
  EXPECT_FALSE(waiter.done());
  event.set();
  co_await settle();
  EXPECT_EQ(log, "called ended ");
  EXPECT_TRUE(waiter.done());
  EXPECT_FALSE(sleeper.done());
  EXPECT_EQ(loop.time(), begin);
  co_await sleeper;
}

ASYNC_TEST(TestKit, virtual_time_begins_at_nothing_and_jumps_to_what_is_next) {
  EventLoop& loop = get_running_loop();
  EXPECT_EQ(loop.time().time_since_epoch(), 0ns);
  TimePoint called{};
  loop.call_later(1h, [&] { called = loop.time(); });
  co_await sleep(24h);
  EXPECT_EQ(called.time_since_epoch(), 1h);
  EXPECT_EQ(loop.time().time_since_epoch(), 24h);
}

ASYNC_IO_TEST(TestKit, an_io_test_has_the_clock_of_the_system) {
  const TimePoint before = Clock::now();
  co_await sleep(1ms);
  const TimePoint now = get_running_loop().time();
  EXPECT_GE(now, before + 1ms);
  EXPECT_LE(now, Clock::now());
}

}  // namespace
