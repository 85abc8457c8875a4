// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/chrono.h>
#include <asyncio/deadline.h>
#include <asyncio/event_loop.h>
#include <asyncio/owned_awaitable.h>
#include <asyncio/ref.h>
#include <asyncio/time_limit.h>
#include <asyncio/with.h>

#include <cstdint>
#include <exception>
#include <optional>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

template <class S>
class WaitFor;

}  // namespace detail

// A block that must end before a deadline.
//
//   try {
//     co_await with(timeout(2s), [&]() -> Coro<> {
//       co_await connect();
//       co_await login();
//     });
//   } catch (const TimeoutError&) { ... }
//
//   auto quiet = timeout(10s);
//   co_await with(quiet, [&](Timeout& t) -> Coro<> {
//     while (auto line = co_await reader.next_line()) t.reschedule(get_running_loop().time() + 10s);
//   });
//
// When the deadline passes, the task that runs the block is cancelled: what it waits for throws CancelledError, the block
// may clean up, and when that error leaves the block it becomes TimeoutError. A block that ends in another way keeps what
// it ended with, its value or its own exception, however late; what is then left of the cancel is withdrawn, so that
// nothing after the block is hit by it. A block that never waits is not interrupted.
// Where somebody else has cancelled the task too, since the block was entered or shortly before, CancelledError leaves the
// block, and never TimeoutError. Of blocks within blocks whose deadlines pass together, only the outermost one throws it.
// The cancel is an ordinary one, of which cancelling() tells as long as the block runs.
// For one block only; movable before it is entered. Not thread-safe. It may outlive its task and its loop.
// Python: asyncio.timeout(), asyncio.Timeout.
class Timeout : private detail::Deadline<Timeout> {
 public:
  explicit Timeout(std::optional<TimePoint> when) : when_(when.value_or(TimePoint::max())) {}
  Timeout(Timeout&& other) noexcept : when_(other.when_), limit_(other.limit_) {}
  ~Timeout();

  // The deadline, on the loop's clock; nothing where there is none.
  std::optional<TimePoint> when() const {
    if (when_ == TimePoint::max()) return std::nullopt;
    return when_;
  }

  // Moves the deadline, or takes it away; one in the past has passed when the task waits next. Throws RuntimeError unless
  // the block runs and the deadline has not passed.
  void reschedule(std::optional<TimePoint> when);

  // Whether the deadline has passed while the block ran.
  bool expired() const { return state_ == State::expiring || state_ == State::expired; }

  // For with(). The first throws RuntimeError for a second block, and outside of a task.
  void enter_now();
  void exit_now(std::exception_ptr error) {
    if (state_ != State::running) [[unlikely]]
      return leave_expired(error);
    leave();
  }

 private:
  template <class S>
  friend class detail::WaitFor;
  friend class detail::Deadline<Timeout>;
  friend Timeout timeout(TimeLimit timeout);
  enum class State : std::uint8_t { made, running, expiring, expired, finished };

  Timeout(std::optional<TimePoint> when, TimeLimit limit) : Timeout(when) { limit_ = limit; }

  // Enters, with a deadline that begins now.
  void enter_for_limit();
  // Enters with the deadline passed; what the block waits for has been cancelled instead of the task.
  void enter_expired();
  void leave() noexcept;
  void leave_expired(const std::exception_ptr& error);
  void begin();
  void schedule();
  void unschedule() noexcept;
  void deadline_passed() noexcept;

  [[noreturn]] static void throw_out_of_time();

  TimePoint when_;                      // TimePoint::max() for never
  TimeLimit limit_;                     // that it was made with; for ever where when_ is all that is known
  detail::Ref<detail::TaskBase> task_;  // that runs the block
  // The requests to cancel that the task had when the block was entered, apart from one that was not delivered, and
  // when the deadline passed.
  int cancels_at_entry_ = 0;
  int cancels_at_expiry_ = 0;
  const char* waited_in_ = nullptr;  // when the deadline passed; null where the task did not wait
  State state_ = State::made;
  bool requested_ = false;      // a cancel of the task
  bool other_pending_ = false;  // somebody else's request was not delivered yet when the deadline passed
};

// A block that may take so long, counted from this call. Throws RuntimeError where no loop runs.
Timeout timeout(TimeLimit timeout);
// A block that must end at a time of the loop's clock; std::nullopt is never.
Timeout timeout_at(std::optional<TimePoint> when);

namespace detail {

// What wait_for() gives to co_await: no coroutine frame beside what is waited for.
template <class S>
class [[nodiscard("nothing is waited for: write co_await")]] WaitFor : public lowlevel::NativeAwaiter {
 public:
  using Value = typename lowlevel::OwnedAwaitable<S>::Value;

  WaitFor(S&& awaitable, TimeLimit timeout) : inner_(std::forward<S>(awaitable)), timeout_(std::nullopt, timeout) {}

  // So that `Coro<T> f() { return wait_for(...); }` can be written.
  operator Coro<Value>() && { return detail::as_coro(std::move(*this)); }

  bool await_ready() {
    if (timeout_.limit_.none_left()) [[unlikely]]
      return look_once();
    timeout_.enter_for_limit();
    return guard([this] { return inner_.await_ready(); });
  }
  template <class P>
  auto await_suspend(std::coroutine_handle<P> self) {
    return guard([this, self] { return inner_.await_suspend(self); });
  }
  Value await_resume() {
    if constexpr (IsCoro<S>) {
      auto& result = inner_.awaiter().result();
      timeout_.exit_now(result.exception());
      return result.take();
    } else if constexpr (std::is_void_v<Value>) {
      guard([this] { inner_.await_resume(); });
      timeout_.exit_now(nullptr);
    } else {
      Value value = guard([this]() -> Value { return inner_.await_resume(); });
      timeout_.exit_now(nullptr);
      return static_cast<Value&&>(value);
    }
  }

 private:
  // Nothing may take time: gives what is there, and cancels what can be cancelled.
  bool look_once() {
    if constexpr (IsCoro<S>) {
      inner_.awaitable().close();
      out_of_time();
    } else if constexpr (requires { inner_.awaitable().cancel(), inner_.awaitable().done(); }) {
      timeout_.enter_expired();
      // A cancel of the caller takes precedence, and is passed on by the wait itself.
      if (!inner_.awaitable().done() && !this_thread.task->interrupts_next_wait()) inner_.awaitable().cancel();
      return guard([this] { return inner_.await_ready(); });
    } else {
      timeout_.enter_expired();
      if (!inner_.await_ready()) out_of_time();
      return true;
    }
  }
  [[noreturn]] static void out_of_time() {
    if (this_thread.task->interrupts_next_wait()) this_thread.task->throw_interrupt();
    Timeout::throw_out_of_time();
  }

  // The timeout hears of an exception in what is waited for, whose place it may take.
  template <class F>
  decltype(auto) guard(F&& step) {
    if constexpr (IsCoro<S>) {
      return step();
    } else {
      try {
        return step();
      } catch (...) {
        timeout_.exit_now(std::current_exception());
        throw;
      }
    }
  }

  lowlevel::OwnedAwaitable<S> inner_;
  Timeout timeout_;
};

}  // namespace detail

// Awaits any awaitable for at most `timeout`, counted from the co_await; throws TimeoutError where that was too short.
//
//   Page page = co_await wait_for(download(url), 2s);
//   auto item = co_await wait_for(queue.get(), 500ms);
//
// As in a block of timeout(): a coroutine runs in the calling task. At the end of its time it is cancelled, and waited for:
// the exception comes when it has cleaned up. If it catches the cancel and gives a value, that value is what you get; a
// value that was ready in time is never lost. A task or future is cancelled too, as by any cancel of one that awaits it:
// wait_for(shield(task), 2s) leaves it alone. std::nullopt waits for ever. Of a timeout of 0 or less: gives what is there
// already; a coroutine is not started, a task, future or gather() is cancelled and waited for. A cancel of the caller is
// passed on as if there were no timeout. Python: asyncio.wait_for().
template <class A>
detail::WaitFor<lowlevel::OwnedBy<A>> wait_for(A&& awaitable, TimeLimit timeout) {
  return detail::WaitFor<lowlevel::OwnedBy<A>>(lowlevel::to_owned(std::forward<A>(awaitable)), timeout);
}

}  // namespace asyncio::inline ASYNCIO_ABI
