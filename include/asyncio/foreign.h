// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/waiter.h>

#include <concepts>
#include <coroutine>
#include <exception>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

// Awaiting what another library has made. Any C++20 awaiter works: with await_suspend() of each of the three shapes, an
// lvalue or a temporary, one that cannot be moved, a type with an operator co_await.
//
//   Coro<std::string> ask() {
//     co_return co_await other_library.fetch("/");     // resumes here, in the task's own loop and thread
//   }
//
// The awaiter does not get the task's coroutine but a *bridge*: a handle that, resumed once, in whatever thread, inside
// or after await_suspend(), sends the task home to the queue of its loop. Destroyed instead of resumed, it has
// RuntimeError thrown at the await. A virtual clock stands still while one is out.
//
// A cancel does not interrupt such a wait, because the other library would resume what is gone: it lands when that has
// resumed it, at the next await of the task. A request that is there before the wait ends it before it begins. For an
// operation that can be told to stop:
//
//   co_await from_foreign(operation, [&] { operation.abort(); });
//
// A Coro cannot be awaited in a coroutine of another library: create_task() it, and tell that coroutine of the end.

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

// What from_foreign() gives to co_await.
template <class A, class F>
class [[nodiscard]] FromForeign {
 public:
  class Awaiter final : public ForeignAwaiter<A> {
   public:
    Awaiter(A&& awaitable, F& on_cancel)
        : ForeignAwaiter<A>(static_cast<A&&>(awaitable), ForeignWait::cancellable), on_cancel_(on_cancel) {}

    decltype(auto) await_resume() {
      this->check_foreign();
      try {
        return ForeignAwaiter<A>::await_resume();
      } catch (...) {
        this->check_asked();
        throw;
      }
    }

   private:
    bool ask_to_stop() override {
      if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
        on_cancel_();
        return false;
      } else {
        return on_cancel_();
      }
    }

    F& on_cancel_;
  };

  FromForeign(A&& awaitable, F on_cancel) : awaitable_(static_cast<A&&>(awaitable)), on_cancel_(std::move(on_cancel)) {}

  Awaiter operator co_await() && { return Awaiter(static_cast<A&&>(awaitable_), on_cancel_); }

 private:
  A awaitable_;
  F on_cancel_;
};

}  // namespace detail

// Awaits a foreign awaitable that can be told to stop: a cancel of the waiting task calls on_cancel(), once, in the
// loop's thread and with the task's context, whoever cancels. The operation should then resume its handle soon. If it still gives a value, that is what the await
// gives, and the cancel lands at the next one; if it throws, the await throws CancelledError. Where on_cancel() returns
// true the handle has been forgotten, and will never be resumed: CancelledError then comes without waiting for it. What
// on_cancel() throws is reported to the loop's exception handler. An rvalue is moved in, an lvalue is referred to.
template <Awaitable A, std::invocable F>
detail::FromForeign<A, F> from_foreign(A&& awaitable, F on_cancel) {
  static_assert(!detail::NativeAwaitable<A>,
                "from_foreign() is for the awaiters of other libraries: just co_await this one");
  return detail::FromForeign<A, F>(static_cast<A&&>(awaitable), std::move(on_cancel));
}

}  // namespace asyncio::inline ASYNCIO_ABI
