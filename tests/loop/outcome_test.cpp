// SPDX-License-Identifier: MIT
#include <asyncio/outcome.h>

#include <asyncio/stream.h>
#include <asyncio/testing.h>
#include <asyncio/timeout.h>

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

Coro<int> refused() {
  co_await sleep(0s);
  throw std::system_error(std::make_error_code(std::errc::connection_refused));
}

Coro<int> fail() {
  co_await sleep(0s);
  throw std::logic_error("no");
}

// An operation that can fail without throwing.
class Receive : public lowlevel::NativeAwaiter {
 public:
  explicit Receive(std::error_code error) : error_(error) {}
  bool await_ready() const { return true; }
  template <class P>
  void await_suspend(std::coroutine_handle<P>) {}
  int await_resume() const {
    ADD_FAILURE() << "the other one is asked";
    return 0;
  }
  Outcome<int> await_resume_result() const { return error_ ? Outcome<int>(error_) : Outcome<int>(std::in_place, 5); }

 private:
  std::error_code error_;
};

TEST(Outcome, holds_a_value) {
  Outcome<int> outcome(std::in_place, 4);
  EXPECT_TRUE(outcome.has_value());
  EXPECT_TRUE(outcome);
  EXPECT_EQ(outcome.value(), 4);
  outcome.value() = 5;
  const Outcome<int> copy = outcome;
  EXPECT_EQ(copy.value(), 5);
  EXPECT_FALSE(outcome.error());
  EXPECT_EQ(outcome.exception(), nullptr);

  Outcome<std::unique_ptr<int>> owner(std::in_place, std::make_unique<int>(6));
  EXPECT_EQ(*std::move(owner).value(), 6);
  int number = 7;
  Outcome<int&> reference(std::in_place, number);
  EXPECT_EQ(&reference.value(), &number);
  Outcome<void>(std::in_place).value();
}

TEST(Outcome, holds_an_exception) {
  const Outcome<int> outcome(std::make_exception_ptr(std::logic_error("no")));
  EXPECT_FALSE(outcome);
  EXPECT_THROW(outcome.value(), std::logic_error);
  EXPECT_THROW(outcome.value(), std::logic_error);
  EXPECT_FALSE(outcome.error());
  EXPECT_NE(outcome.exception(), nullptr);
  const Outcome<void> timed_out(std::make_exception_ptr(TimeoutError()));
  EXPECT_EQ(timed_out.error(), std::errc::timed_out);
}

TEST(Outcome, holds_the_code_of_an_error) {
  const Outcome<int> outcome(std::make_error_code(std::errc::broken_pipe));
  EXPECT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error(), std::errc::broken_pipe);
  EXPECT_THROW(outcome.value(), std::system_error);
  EXPECT_NE(outcome.exception(), nullptr);
  const Outcome<void> timed_out(std::make_error_code(std::errc::timed_out));
  EXPECT_THROW(timed_out.value(), TimeoutError);
}

struct Oddity {};

TEST(Outcome, says_what_the_error_is_whatever_it_is) {
  const auto says = [](auto error) { return Outcome<int>(std::make_exception_ptr(error)).what(); };
  EXPECT_EQ(says(std::logic_error("no")), "no");
  EXPECT_EQ(says(TimeoutError("too late")), "too late");
  EXPECT_EQ(says(CancelledError()), "cancelled");
  EXPECT_EQ(says(CancelledError("enough")), "enough");
  EXPECT_EQ(says(std::string("a text")), "a text");
  EXPECT_EQ(says(static_cast<const char*>("a literal")), "a literal");
  EXPECT_EQ(says(5), "int");
  EXPECT_EQ(says(Oddity()), "(anonymous namespace)::Oddity");
  EXPECT_EQ(says(SystemExit(3)), "asyncio::SystemExit");
  struct SaysNull : std::exception {
    const char* what() const noexcept override { return nullptr; }
  };
  EXPECT_EQ(says(SaysNull()), "");
  EXPECT_EQ(says(static_cast<const char*>(nullptr)), "");
  EXPECT_EQ(Outcome<void>(std::make_error_code(std::errc::broken_pipe)).what(), "Broken pipe");
  EXPECT_EQ(Outcome<int>(std::in_place, 4).what(), "");
  EXPECT_EQ(Outcome<void>(std::in_place).what(), "");
}

ASYNC_TEST(AsResult, gives_the_value_or_the_error) {
  auto value = co_await as_result(later(1s, 3));
  EXPECT_EQ(value.value(), 3);
  auto error = co_await as_result(refused());
  EXPECT_EQ(error.error(), std::errc::connection_refused);
  auto other = co_await as_result(fail());
  EXPECT_FALSE(other.error());
  EXPECT_THROW(other.value(), std::logic_error);
  auto late = co_await as_result(wait_for(sleep(1h), 1s));
  EXPECT_EQ(late.error(), std::errc::timed_out);
  auto owned = co_await as_result(later(1s, std::make_unique<int>(4)));
  EXPECT_EQ(*owned.value(), 4);
}

ASYNC_TEST(AsResult, takes_tasks_and_futures) {
  Task<int> task = create_task(fail());
  auto failed = co_await as_result(task);
  EXPECT_THROW(failed.value(), std::logic_error);
  Future<int> future;
  future.set_result(6);
  auto value = co_await as_result(future);
  EXPECT_EQ(value.value(), 6);
}

ASYNC_TEST(AsResult, asks_an_operation_for_its_result) {
  auto received = co_await as_result(Receive(std::error_code()));
  EXPECT_EQ(received.value(), 5);
  auto reset = co_await as_result(Receive(std::make_error_code(std::errc::connection_reset)));
  EXPECT_EQ(reset.error(), std::errc::connection_reset);
}

ASYNC_TEST(AsResult, never_holds_a_cancel_of_the_caller) {
  const auto wait = [](Task<int> task) -> Coro<> {
    auto outcome = co_await as_result(task);
    ADD_FAILURE() << "got " << outcome.has_value();
  };
  const auto nap = []() -> Coro<> {
    auto outcome = co_await as_result(later(1h, 1));
    ADD_FAILURE() << "got " << outcome.has_value();
  };
  Task<int> child = create_task(later(1h, 1));
  auto waiter = create_task(wait(child));
  auto sleeper = create_task(nap());
  co_await settle();
  waiter.cancel();
  sleeper.cancel();
  co_await settle();
  EXPECT_TRUE(child.cancelled());
  EXPECT_TRUE(waiter.cancelled());
  EXPECT_TRUE(sleeper.cancelled());
}

ASYNC_TEST(AsResult, holds_the_cancel_of_a_task_that_somebody_else_cancelled) {
  Task<int> child = create_task(later(1h, 1));
  get_running_loop().call_later(1s, [&] { child.cancel(); });
  auto outcome = co_await as_result(child);
  EXPECT_THROW(outcome.value(), CancelledError);
}

ASYNC_TEST(AsResult, throws_what_ends_the_program) {
  const auto leave = []() -> Coro<int> {
    co_await sleep(0s);
    throw KeyboardInterrupt();
  };
  bool thrown = false;
  try {
    auto outcome = co_await as_result(leave());
  } catch (const KeyboardInterrupt&) {
    thrown = true;
  }
  EXPECT_TRUE(thrown);
}

// Fails in one of the three steps of an await.
class FailsIn : public lowlevel::NativeAwaiter {
 public:
  enum Step { ready, suspend, resume };
  FailsIn(Step step, std::exception_ptr error) : step_(step), error_(std::move(error)) {}
  bool await_ready() const {
    fail_in(ready);
    return step_ == resume;
  }
  template <class P>
  void await_suspend(std::coroutine_handle<P>) const {
    fail_in(suspend);
  }
  int await_resume() const {
    fail_in(resume);
    return 1;
  }

 private:
  void fail_in(Step step) const {
    if (step == step_) std::rethrow_exception(error_);
  }

  Step step_;
  std::exception_ptr error_;
};

ASYNC_TEST(AsResult, holds_what_is_thrown_in_any_step_of_the_await) {
  for (FailsIn::Step step : {FailsIn::ready, FailsIn::suspend, FailsIn::resume}) {
    const auto error = std::make_exception_ptr(std::logic_error("no"));
    const auto outcome = co_await as_result(FailsIn(step, error));
    EXPECT_EQ(outcome.exception(), error) << step;
  }
}

ASYNC_TEST(AsResult, throws_a_cancel_and_an_exit_in_any_step_of_the_await) {
  for (FailsIn::Step step : {FailsIn::ready, FailsIn::suspend, FailsIn::resume}) {
    co_await require_throws<CancelledError>(as_result(FailsIn(step, std::make_exception_ptr(CancelledError()))));
    co_await require_throws<SystemExit>(as_result(FailsIn(step, std::make_exception_ptr(SystemExit(2)))));
  }
}

ASYNC_TEST(AsResult, holds_the_error_of_a_read_whose_data_are_there_already) {
  StreamPair pair = make_stream_pair();
  pair.first.writer.write("abc");
  pair.first.writer.close();
  co_await settle();
  const auto outcome = co_await as_result(pair.second.reader.readexactly(4));
  EXPECT_FALSE(outcome.has_value());
  EXPECT_THROW(outcome.value(), IncompleteReadError);
  pair.second.writer.close();
}

ASYNC_TEST(AsResult, holds_the_error_of_a_second_reader) {
  StreamPair pair = make_stream_pair();
  auto first = create_task(pair.second.reader.read(1));
  co_await settle();
  const auto outcome = co_await as_result(pair.second.reader.read(1));
  EXPECT_THROW(outcome.value(), RuntimeError);
  pair.first.writer.write("a");
  EXPECT_EQ(co_await first, "a");
  pair.first.writer.close();
  pair.second.writer.close();
}

}  // namespace
