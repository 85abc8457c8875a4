// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/duration.h>
#include <asyncio/event_loop.h>
#include <asyncio/lowlevel/timer.h>
#include <asyncio/lowlevel/waiter.h>

#include <coroutine>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

// What sleep() gives to co_await. No coroutine frame; a yield (a duration of 0 or less) touches no timer either.
class [[nodiscard("nothing is waited for: write co_await")]] Sleep : public lowlevel::Waiter, private lowlevel::Timer {
 public:
  explicit Sleep(std::chrono::nanoseconds duration) : Waiter(sleeping), Timer(&fire) { deadline = duration.count(); }
  Sleep(Sleep&& other) noexcept : Waiter(std::move(other)), Timer(&fire) { deadline = other.deadline; }

  bool await_ready() const { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> self) {
    if (deadline > 0) [[likely]] {
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
  void start();  // deadline is a duration until then
};

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

template <class Rep, class Period>
detail::Sleep sleep(std::chrono::duration<Rep, Period> duration) {
  return detail::Sleep(detail::to_nanoseconds(duration));
}

inline detail::UntilIdle until_idle() { return {}; }

}  // namespace asyncio::inline ASYNCIO_ABI
