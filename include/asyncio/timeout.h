// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/deadline.h>
#include <asyncio/detail/ref.h>
#include <asyncio/time_limit.h>

#include <cstdint>
#include <exception>
#include <optional>

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
// When the deadline passes, the task that runs the block is cancelled: what it waits for throws CancelledError, the
// block may clean up, and when that error leaves the block it becomes TimeoutError. A block that ends in another way
// keeps what it ended with, its value or its own exception, however late; what is then left of the cancel is withdrawn,
// so that nothing after the block is hit by it. A block that never waits is not interrupted.
// Where somebody else has cancelled the task too, since the block was entered or shortly before, CancelledError leaves
// the block, and never TimeoutError. Of blocks within blocks whose deadlines pass together, only the outermost one
// throws it. The cancel is an ordinary one, of which cancelling() tells as long as the block runs.
// For one block only; movable before it is entered. Not thread-safe. It may outlive its task and its loop.
// Python: asyncio.timeout(), asyncio.Timeout.
class Timeout : private detail::Deadline<Timeout> {
 public:
  explicit Timeout(std::optional<TimePoint> when) : when_(when.value_or((TimePoint::max)())) {}
  Timeout(Timeout&& other) noexcept : when_(other.when_), limit_(other.limit_) {}
  ~Timeout() {
    // In the middle of the block where the loop is closed, say.
    if (task_) [[unlikely]]
      unschedule();
  }

  // The deadline, on the loop's clock; nothing where there is none.
  std::optional<TimePoint> when() const {
    if (when_ == (TimePoint::max)()) return std::nullopt;
    return when_;
  }

  // Moves the deadline, or takes it away; one in the past has passed when the task waits next. Throws RuntimeError
  // unless the block runs and the deadline has not passed.
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

// Awaits any awaitable for at most `timeout`, counted from the co_await; throws TimeoutError where that was too short.
//
//   Page page = co_await wait_for(download(url), 2s);
//   auto item = co_await wait_for(queue.get(), 500ms);
//
// As in a block of timeout(): a coroutine runs in the calling task. At the end of its time it is cancelled, and waited
// for: the exception comes when it has cleaned up. If it catches the cancel and gives a value, that value is what you
// get; a value that was ready in time is never lost. A task or future is cancelled too, as by any cancel of one that
// awaits it: wait_for(shield(task), 2s) leaves it alone. std::nullopt waits for ever. Of a timeout of 0 or less: gives
// what is there already; a coroutine is not started, a task, future or gather() is cancelled and waited for. A cancel
// of the caller is passed on as if there were no timeout. Python: asyncio.wait_for().
template <class A>
auto wait_for(A&& awaitable, TimeLimit timeout);

}  // namespace asyncio::inline ASYNCIO_ABI

#include <asyncio/detail/timeout.h>
