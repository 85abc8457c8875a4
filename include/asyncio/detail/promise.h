// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/awaitable.h>
#include <asyncio/detail/frame_pool.h>
#include <asyncio/detail/this_thread.h>
#include <asyncio/lowlevel/native_awaiter.h>

#include <bit>
#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <source_location>
#include <type_traits>

namespace asyncio::inline ASYNCIO_ABI {

template <class T>
class Coro;

namespace detail {

template <class A>
class ForeignAwaiter;

// A place in a program, as the compiler hands it to a default argument: for the functions of a promise, which only the
// compiler calls. There g++ 13 refuses std::source_location::current(), where it does not optimise.
using CallSite = decltype(__builtin_source_location());
inline std::source_location location_of(CallSite site) noexcept { return std::bit_cast<std::source_location>(site); }

template <class A>
concept NativeAwaitable = Awaitable<A> && std::derived_from<AwaiterOf<A>, lowlevel::NativeAwaiter>;

template <class T>
inline constexpr bool is_coro = false;
template <class T>
inline constexpr bool is_coro<Coro<T>> = true;
template <class T>
concept IsCoro = is_coro<T>;

// The part of a coroutine's promise that does not depend on its type: where it is, and who goes on when it ends.
class Promise {
 public:
  static void* operator new(std::size_t size) { return FramePool::get(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { FramePool::put(frame, size); }

  std::suspend_always initial_suspend() const noexcept { return {}; }

  template <class A>
  decltype(auto) await_transform(A&& awaitable, CallSite site = __builtin_source_location()) {
    static_assert(!(IsCoro<std::remove_cvref_t<A>> && std::is_lvalue_reference_v<A>),
                  "co_await: a Coro is awaited once, and gone then: write co_await std::move(coro), or make it a task");
    static_assert(Awaitable<A> || IsCoro<std::remove_cvref_t<A>>,
                  "co_await: this cannot be awaited; await a Coro, a Task, a Future or another awaitable");
    site_ = location_of(site);
    if constexpr (!Awaitable<A>) {
      return std::suspend_never();  // one error is enough
    } else if constexpr (!NativeAwaitable<A>) {
      return ForeignAwaiter<A>(static_cast<A&&>(awaitable));
    } else {
      return static_cast<A&&>(awaitable);
    }
  }

  std::coroutine_handle<Promise> handle() noexcept { return std::coroutine_handle<Promise>::from_promise(*this); }

  const Promise* parent() const { return parent_; }                       // who awaits it; null for the root of a task
  const std::source_location& definition() const { return definition_; }  // of the function
  const std::source_location& await_site() const { return site_; }        // line 0 before the first await

  // Starts `child` on behalf of *this; what await_suspend of a child's awaiter returns.
  auto start(Promise& child) {
    child.parent_ = this;
    child.becomes_innermost();
    return this_thread.awaits.start(child.handle());
  }

  // Goes on with the parent; what await_suspend of the final awaiter, or of a generator's yield, returns.
  auto leave() noexcept {
    if (parent_ == nullptr) [[unlikely]] {
      leave_task();
      return this_thread.awaits.leave_task();
    }
    parent_->becomes_innermost();
    return this_thread.awaits.leave(handle(), parent_->handle());
  }

  // The exception that is being handled, which leaves this coroutine; noted for the traceback of its task.
  std::exception_ptr take_exception() noexcept;

  // Destroys coroutines that will not go on: the one that is suspended, and all that wait for it, innermost first and
  // without recursion.
  static void abandon_chain(Promise& innermost) noexcept;
  // What the awaiter of such a one does when its turn comes.
  static void abandon(Promise& frame) noexcept;

 private:
  friend class TaskBase;

  void becomes_innermost() noexcept;
  void leave_task() noexcept;

  Promise* parent_ = nullptr;

 protected:
  std::source_location definition_;  // set by get_return_object: only there do all compilers know the function's name

 private:
  std::source_location site_;
};

struct FinalAwaiter {
  bool await_ready() const noexcept { return false; }
  template <class P>
  auto await_suspend(std::coroutine_handle<P> self) const noexcept {
    return self.promise().leave();
  }
  void await_resume() const noexcept {}
};

}  // namespace detail

}  // namespace asyncio::inline ASYNCIO_ABI
