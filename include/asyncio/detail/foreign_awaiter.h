// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/lowlevel/waiter.h>

#include <concepts>
#include <coroutine>
#include <exception>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI::detail {

class ForeignLink;

// The wait for a foreign awaiter, apart from its type.
class ForeignWait : public lowlevel::Waiter {
 protected:
  explicit ForeignWait(const lowlevel::WaitKind& kind = uncancellable) : Waiter(kind) {}
  ForeignWait(ForeignWait&&) = delete;  // the bridge refers to it
  virtual ~ForeignWait();

  static const lowlevel::WaitKind uncancellable;
  static const lowlevel::WaitKind cancellable;

  // Makes the bridge. Throws CancelledError where a cancel is pending.
  std::coroutine_handle<> begin();
  // The bridge was not needed after all.
  void withdraw() noexcept;
  // Parks the task; the end of await_suspend.
  template <class P>
  void suspend(std::coroutine_handle<P>) {
    static_assert(std::derived_from<P, Promise>, "this can only be awaited in a coroutine that returns asyncio::Coro");
    suspend();
  }
  // Throws where the wait was ended by a cancel or by the loss of the bridge.
  void check_foreign();
  // The error of an operation that was asked to stop is the answer to that: throws CancelledError, unless the request
  // has been withdrawn.
  void check_asked() {
    if (asked_) check_all();
  }

  // Asks the operation to stop; true where it will not resume the bridge any more.
  virtual bool ask_to_stop() { return false; }

 private:
  friend class ForeignLink;
  void suspend();
  static void remove(Waiter& waiter) noexcept;
  static bool interrupt(Waiter& waiter) noexcept;

  ForeignLink* link_ = nullptr;  // what is shared with the bridge; retained
  std::coroutine_handle<> bridge_;
  bool parked_ = false;
  bool asked_ = false;  // to stop
};

// Awaits an A, which is no awaiter of this library: a reference, or an rvalue that lives in the awaiting expression.
template <class A>
class ForeignAwaiter : public ForeignWait {
 public:
  explicit ForeignAwaiter(A&& awaitable) : awaiter_(detail::get_awaiter(static_cast<A&&>(awaitable))) {}

  bool await_ready() { return static_cast<bool>(awaiter_.await_ready()); }

  template <class P>
  bool await_suspend(std::coroutine_handle<P> self) {
    using Suspends = decltype(awaiter_.await_suspend(std::coroutine_handle<>()));
    const std::coroutine_handle<> bridge = begin();
    try {
      if constexpr (std::is_void_v<Suspends>) {
        awaiter_.await_suspend(bridge);
      } else if constexpr (std::is_convertible_v<Suspends, std::coroutine_handle<>>) {
        const std::coroutine_handle<> next = awaiter_.await_suspend(bridge);
        next.resume();
      } else {
        const bool suspended = awaiter_.await_suspend(bridge);
        if (!suspended) {
          withdraw();
          return false;
        }
      }
    } catch (...) {
      withdraw();
      throw;
    }
    suspend(self);
    return true;
  }

  decltype(auto) await_resume() {
    check_foreign();
    return awaiter_.await_resume();
  }

 protected:
  ForeignAwaiter(A&& awaitable, const lowlevel::WaitKind& kind)
      : ForeignWait(kind), awaiter_(detail::get_awaiter(static_cast<A&&>(awaitable))) {}

 private:
  decltype(detail::get_awaiter(std::declval<A>())) awaiter_;  // a reference where the awaitable is its own awaiter
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
