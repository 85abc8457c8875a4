// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/awaitable.h>
#include <asyncio/detail/frame_pool.h>
#include <asyncio/detail/result_word.h>
#include <asyncio/detail/this_thread.h>
#include <asyncio/lowlevel/native_awaiter.h>

#include <bit>
#include <concepts>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <source_location>
#include <type_traits>

namespace asyncio::inline ASYNCIO_ABI {

template <class T>
class Coro;

namespace detail {

template <class A>
class ForeignAwaiter;

// A place with a mark, in one word: what a CallSite points at is aligned as pointers are.
class MarkedPlace {
 public:
  enum Mark : std::uintptr_t { none, value, error };

  std::source_location place() const noexcept { return std::bit_cast<std::source_location>(bits_ & ~marks); }
  bool has(Mark mark) const noexcept { return (bits_ & mark) != 0; }
  bool unmarked() const noexcept { return (bits_ & marks) == 0; }
  void set(CallSite place, Mark mark) noexcept { bits_ = std::bit_cast<std::uintptr_t>(place) | mark; }
  void add(Mark mark) noexcept { bits_ |= mark; }
  void unmark() noexcept { bits_ &= ~marks; }

 private:
  static constexpr std::uintptr_t marks = value | error;
  std::uintptr_t bits_ = 0;
};

template <class A>
concept NativeAwaitable = Awaitable<A> && std::derived_from<AwaiterOf<A>, lowlevel::NativeAwaiter>;

template <class T>
inline constexpr bool is_coro = false;
template <class T>
inline constexpr bool is_coro<Coro<T>> = true;
template <class T>
concept IsCoro = is_coro<T>;

// The part of a coroutine's promise that does not depend on its type: where it is, and who goes on when it ends. Three
// words, because a program may have millions: with two of the compiler's own they leave 8 bytes of a block of 48.
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
    word_.site = site;
    if constexpr (!Awaitable<A>) {
      return std::suspend_never();  // one error is enough
    } else if constexpr (!NativeAwaitable<A>) {
      return ForeignAwaiter<A>(static_cast<A&&>(awaitable));
    } else {
      return static_cast<A&&>(awaitable);
    }
  }

  std::coroutine_handle<Promise> handle() noexcept { return std::coroutine_handle<Promise>::from_promise(*this); }

  const Promise* parent() const { return parent_; }  // who awaits it; null for the root of a task
  // The function; its place, too, until there is a result.
  std::source_location definition() const { return definition_.place(); }
  // Of the last await; of the function before the first.
  std::source_location place() const {
    const bool awaits = definition_.unmarked() && word_.site != nullptr;
    return awaits ? location_of(word_.site) : definition_.place();
  }

  bool has_value() const { return definition_.has(MarkedPlace::value); }
  bool has_error() const { return definition_.has(MarkedPlace::error); }

  // Starts `child` on behalf of *this; what await_suspend of a child's awaiter returns.
  auto start(Promise& child) {
    child.parent_ = this;
    child.becomes_innermost();
    return this_thread.awaits.start(child.handle());
  }

  // Goes on with the parent; what await_suspend of the final awaiter, or of a generator's yield, returns.
  auto leave() noexcept {
    Promise* const parent = parent_;
    if (parent == nullptr) [[unlikely]] {
      leave_task();
      return this_thread.awaits.leave_task();
    }
    parent->becomes_innermost();
    return this_thread.awaits.leave(handle(), parent->handle());
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
  // For get_return_object: only there do all compilers know the function's name.
  void set_definition(CallSite definition) noexcept { definition_.set(definition, MarkedPlace::none); }

  // While its local variables are destroyed, whoever asks where it is must still be told the last await.
  void note_value() noexcept {
    if (word_.site != nullptr) {
      definition_.set(word_.site, MarkedPlace::value);
    } else {
      definition_.add(MarkedPlace::value);
    }
  }
  void note_error() noexcept { definition_.add(MarkedPlace::error); }
  void note_nothing() noexcept {
    definition_.unmark();
    word_.site = nullptr;
  }

  MarkedPlace definition_;  // marked with what word_ is: the last await until there is a result
  ResultWord word_;
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
