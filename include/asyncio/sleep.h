// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/chrono.h>
#include <asyncio/duration.h>
#include <asyncio/event_loop.h>

#include <concepts>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

// What sleep() gives to co_await. No coroutine frame; a yield (a duration of 0 or less) touches no timer either.
class [[nodiscard("nothing is waited for: write co_await")]] Sleep : public lowlevel::Waiter, private lowlevel::Timer {
 public:
  explicit Sleep(std::chrono::nanoseconds duration) : Waiter(sleeping), Timer(&fire), duration_(duration) {}
  Sleep(Sleep&& other) noexcept : Waiter(std::move(other)), Timer(&fire), duration_(other.duration_) {}

  bool await_ready() const { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> self) {
    if (duration_.count() > 0) [[likely]] {
      start();
      park(self);
    } else {
      park(self);
      if (!was_interrupted()) wake();
    }
  }
  void await_resume() { check_all(); }

 private:
  static const lowlevel::WaitKind sleeping;
  static void fire(Timer& timer) noexcept;
  static void remove(Waiter& waiter) noexcept;
  void start();

  std::chrono::nanoseconds duration_;
};

}  // namespace detail

// Waits for at least `duration` on the loop's clock; lets every task that is ready run first where that is 0 or less.
// A cancel ends it with CancelledError. NaN throws ValueError, what is too long for the clock is as long as it can be.
template <class Rep, class Period>
detail::Sleep sleep(std::chrono::duration<Rep, Period> duration) {
  return detail::Sleep(detail::to_nanoseconds(duration));
}

namespace detail {

// What until_idle() gives to co_await.
class [[nodiscard("nothing is waited for: write co_await")]] UntilIdle : public lowlevel::LinkedWaiter {
 public:
  UntilIdle() : LinkedWaiter(idling) {}
  UntilIdle(UntilIdle&& other) noexcept : LinkedWaiter(std::move(other)) {}

  bool await_ready() const { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> self) {
    get_running_loop().push_idle(*this);
    park(self);
  }
  void await_resume() { check(); }

 private:
  static const lowlevel::WaitKind idling;
};

}  // namespace detail

// Waits until no task and no callback is ready: all that could happen without the passing of time, or somebody outside,
// has happened. For tests, and for work that may wait. A cancel ends it with CancelledError.
inline detail::UntilIdle until_idle() { return {}; }

}  // namespace asyncio::inline ASYNCIO_ABI
