// SPDX-License-Identifier: MIT
#include <asyncio/retry.h>

#include <asyncio/asyncio.h>
#include <asyncio/testing.h>

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

// Fails so often, then gives how often it was called. Notes when.
class Flaky {
 public:
  explicit Flaky(int failures) : failures_(failures) {}

  Coro<int> operator()() {
    times_.push_back(now());
    const int call = static_cast<int>(times_.size());
    if (call <= failures_) throw std::runtime_error("failure " + std::to_string(call));
    co_return call;
  }
  const Times& times() const { return times_; }

 private:
  int failures_;
  Times times_;
};

ASYNC_TEST(Retry, gives_the_value_of_the_first_attempt_that_has_one) {
  Flaky flaky(2);
  EXPECT_EQ(co_await retry(std::ref(flaky)), 3);
  EXPECT_EQ(flaky.times().size(), 3U);
  EXPECT_EQ(co_await retry([]() -> Coro<int> { co_return 7; }), 7);
}

ASYNC_TEST(Retry, waits_longer_each_time_up_to_the_longest) {
  Flaky flaky(6);
  co_await retry(std::ref(flaky), {.attempts = 7, .delay = 1s, .factor = 3, .longest_delay = 10s, .jitter = 0});
  EXPECT_EQ(flaky.times(), (Times{0s, 1s, 4s, 13s, 23s, 33s, 43s}));
}

ASYNC_TEST(Retry, the_last_error_comes_out_when_the_attempts_are_used_up) {
  Flaky flaky(99);
  EXPECT_EQ(co_await what_of(retry(std::ref(flaky), {.attempts = 3})), "failure 3");
  EXPECT_EQ(co_await what_of(retry(std::ref(flaky), {.attempts = 1})), "failure 4");
  EXPECT_EQ(flaky.times().size(), 4U);
}

ASYNC_TEST(Retry, the_errors_before_it_are_in_the_history) {
  Flaky flaky(99);
  std::vector<FailedAttempt> history;
  const std::string what =
      co_await what_of(retry(std::ref(flaky), {.attempts = 3, .delay = 1s, .jitter = 0, .history = &history}));
  EXPECT_EQ(what, "failure 3");
  std::string log;
  for (const FailedAttempt& failed : history) {
    log += std::to_string(failed.number) + ' ' + std::to_string(failed.elapsed / 1s) + ' ' +
           (failed.delay ? std::to_string(*failed.delay / 1s) : "-") + ' ';
    try {
      std::rethrow_exception(failed.error);
    } catch (const std::runtime_error& error) {
      log += error.what();
    }
    log += '\n';
  }
  EXPECT_EQ(log, "1 0 1 failure 1\n2 1 2 failure 2\n3 3 - failure 3\n");
}

ASYNC_TEST(Retry, each_failure_is_told_before_the_wait) {
  Flaky flaky(2);
  Times told;
  co_await retry(std::ref(flaky), {.delay = 1s, .jitter = 0, .on_failure = [&](const FailedAttempt& failed) {
                                     EXPECT_EQ(failed.number, static_cast<int>(told.size()) + 1);
                                     told.push_back(now());
                                   }});
  EXPECT_EQ(told, (Times{0s, 1s}));
}

ASYNC_TEST(Retry, a_predicate_says_which_errors_are_retried) {
  Flaky flaky(99);
  const auto outcome = co_await as_result(
      retry(std::ref(flaky), {.retry_if = [](const std::exception_ptr& error) { return error != nullptr && false; }}));
  EXPECT_FALSE(outcome.has_value());
  EXPECT_EQ(flaky.times().size(), 1U);
}

ASYNC_TEST(Retry, types_say_which_errors_are_retried_and_what_derives_from_them_is_too) {
  int calls = 0;
  const auto fail_differently = [&]() -> Coro<> {
    switch (++calls) {
      case 1:
        throw TimeoutError();  // a std::system_error
      case 2:
        throw std::system_error(std::make_error_code(std::errc::connection_refused));
      case 3:
        throw std::invalid_argument("no such host");
      default:
        co_return;
    }
  };
  EXPECT_EQ(co_await what_of(retry(fail_differently, {.retry_if = error_is<std::system_error>})), "no such host");
  EXPECT_EQ(calls, 3);
  calls = 0;
  co_await retry(fail_differently, {.retry_if = error_is<std::system_error, std::logic_error>});
  EXPECT_EQ(calls, 4);
}

ASYNC_TEST(Retry, no_attempt_begins_after_the_timeout_and_no_wait_that_would_end_later) {
  Flaky flaky(99);
  EXPECT_EQ(
      co_await what_of(retry(std::ref(flaky), {.attempts = std::nullopt, .timeout = 10s, .delay = 1s, .jitter = 0})),
      "failure 4");
  EXPECT_EQ(flaky.times(), (Times{0s, 1s, 3s, 7s}));  // the next one would have been at 15 s
  EXPECT_EQ(now(), 7s);
}

ASYNC_TEST(Retry, an_attempt_that_runs_when_the_time_is_up_is_not_interrupted) {
  int calls = 0;
  const int value = co_await retry(
      [&calls]() -> Coro<int> {
        co_await sleep(6s);
        if (++calls == 1) throw std::runtime_error("once");
        co_return calls;
      },
      {.timeout = 7s, .delay = 500ms, .jitter = 0});
  EXPECT_EQ(value, 2);
  EXPECT_EQ(now(), 12500ms);
}

ASYNC_TEST(Retry, the_jitter_leaves_out_a_part_of_each_wait_and_a_seed_says_which) {
  std::vector<Times> runs;
  for (const std::uint64_t seed : {1U, 1U, 2U}) {
    std::vector<FailedAttempt> history;
    Flaky flaky(20);
    co_await retry(
        std::ref(flaky),
        {.attempts = std::nullopt, .delay = 1s, .factor = 1, .jitter = 0.25, .seed = seed, .history = &history});
    Times& delays = runs.emplace_back();
    for (const FailedAttempt& failed : history) {
      delays.push_back(*failed.delay);
      EXPECT_GT(*failed.delay, 750ms);
      EXPECT_LE(*failed.delay, 1s);
    }
  }
  EXPECT_EQ(runs[0].size(), 20U);
  EXPECT_EQ(runs[0], runs[1]);
  EXPECT_NE(runs[0], runs[2]);
  EXPECT_NE(runs[0][0], runs[0][1]);
}

ASYNC_TEST(Retry, without_a_seed_two_clients_do_not_come_back_together) {
  std::vector<FailedAttempt> one;
  std::vector<FailedAttempt> other;
  co_await retry(Flaky(1), {.delay = 1h, .history = &one});
  co_await retry(Flaky(1), {.delay = 1h, .history = &other});
  EXPECT_NE(one[0].delay, other[0].delay);
}

ASYNC_TEST(Retry, a_cancel_is_never_retried) {
  int calls = 0;
  const auto wait = [&calls]() -> Coro<> {
    ++calls;
    co_await sleep(1h);
  };
  auto task = create_task(retry(wait));
  co_await settle();
  task.cancel();
  co_await settle();
  EXPECT_TRUE(task.cancelled());

  auto victim = create_task(sleep(1h));
  victim.cancel();
  EXPECT_TRUE(co_await throws<CancelledError>(retry([&calls, &victim]() -> Coro<> {
    ++calls;
    co_await victim;
  })));
  EXPECT_EQ(calls, 2);
}

ASYNC_TEST(Retry, a_cancel_ends_the_wait_between_two_attempts) {
  Flaky flaky(99);
  auto task = create_task(retry(std::ref(flaky), {.delay = 1h}));
  co_await sleep(1s);
  task.cancel();
  co_await settle();
  EXPECT_TRUE(task.cancelled());
  EXPECT_EQ(flaky.times().size(), 1U);
}

TEST(Retry, what_ends_the_program_is_never_retried) {
  int calls = 0;
  const auto leave = [&calls]() -> Coro<> {
    ++calls;
    throw SystemExit(3);
    co_return;
  };
  EXPECT_THROW(run(retry(leave)), SystemExit);
  const auto interrupt = [&calls]() -> Coro<> {
    ++calls;
    throw KeyboardInterrupt();
    co_return;
  };
  EXPECT_THROW(run(retry(interrupt)), KeyboardInterrupt);
  EXPECT_EQ(calls, 2);
}

ASYNC_TEST(Retry, what_the_call_itself_throws_is_retried_as_well) {
  int calls = 0;
  const auto plain = [&calls]() -> Coro<int> {
    if (++calls < 3) throw std::runtime_error("before there is a coroutine");
    return [](int value) -> Coro<int> { co_return value; }(calls);
  };
  EXPECT_EQ(co_await retry(plain), 3);
}

ASYNC_TEST(Retry, what_retry_if_and_on_failure_throw_comes_out) {
  EXPECT_EQ(co_await what_of(retry(Flaky(9), {.retry_if = [](const std::exception_ptr&) -> bool {
                                     throw std::logic_error("in retry_if");
                                   }})),
            "in retry_if");
  EXPECT_EQ(co_await what_of(
                retry(Flaky(9), {.on_failure = [](const FailedAttempt&) { throw std::logic_error("in on_failure"); }})),
            "in on_failure");
}

Coro<int> add(std::unique_ptr<int>& sum, int amount) {
  *sum += amount;
  if (*sum < 3) throw std::runtime_error("too little");
  co_return *sum;
}

ASYNC_TEST(Retry, keeps_f_and_its_arguments_which_are_the_same_at_each_attempt) {
  auto attempts = retry(RetryOptions{.delay = 1s}, add, std::make_unique<int>(0), 1);
  EXPECT_EQ(co_await std::move(attempts), 3);
}

struct Client {
  int calls = 0;
  Coro<int> fetch() {
    if (++calls < 2) throw std::runtime_error("busy");
    co_return calls;
  }
};

ASYNC_TEST(Retry, f_may_be_a_member_function_and_give_any_awaitable) {
  Client client;
  EXPECT_EQ(co_await retry(RetryOptions{}, &Client::fetch, &client), 2);
  Queue<int> queue;
  queue.put_nowait(5);
  EXPECT_EQ(co_await retry([&queue] { return wait_for(queue.get(), 1s); }), 5);
}

Coro<> fail_inside() {
  co_await sleep(1s);
  throw std::runtime_error("deep down");
}

ASYNC_TEST(Retry, the_last_error_keeps_its_traceback) {
  create_task(retry(fail_inside, {.attempts = 2}), {.name = "job"});
  std::vector<std::string> lines;
  get_running_loop().set_exception_handler([&lines](EventLoop& loop, const ExceptionContext& context) {
    ::testing::internal::CaptureStderr();
    loop.default_exception_handler(context);
    lines.push_back(::testing::internal::GetCapturedStderr());
  });
  co_await sleep(1h);
  require(lines.size() == 1);
  EXPECT_NE(lines[0].find("in fail_inside (" __FILE__), std::string::npos) << lines[0];
}

TEST(Retry, refuses_what_makes_no_sense_in_the_call) {
  const auto f = []() -> Coro<> { co_return; };
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(static_cast<void>(retry(f, {.attempts = 0})), ValueError);
  EXPECT_THROW(static_cast<void>(retry(f, {.delay = -1s})), ValueError);
  EXPECT_THROW(static_cast<void>(retry(f, {.longest_delay = -1s})), ValueError);
  for (double factor : {0.5, -1.0, nan}) EXPECT_THROW(static_cast<void>(retry(f, {.factor = factor})), ValueError);
  for (double jitter : {-0.1, 1.1, nan}) EXPECT_THROW(static_cast<void>(retry(f, {.jitter = jitter})), ValueError);
}

ASYNC_TEST(Retry, waits_that_grow_for_ever_stay_within_the_longest) {
  Flaky flaky(2000);
  co_await retry(std::ref(flaky), {.attempts = std::nullopt, .factor = 1e300, .longest_delay = 1h});
  EXPECT_EQ(flaky.times().size(), 2001U);
}

}  // namespace
