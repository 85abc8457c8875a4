// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/await_protocol.h>
#include <asyncio/config.h>
#include <asyncio/frame_pool.h>
#include <asyncio/result.h>

#include <bit>
#include <concepts>
#include <coroutine>
#include <exception>
#include <source_location>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

class Context;
template <class T = void>
class Coro;

namespace detail {

class Promise;
class TaskBase;
struct LoopCore;
template <class T>
class CoroPromise;
template <class A>
class ForeignAwaiter;
void drop_unawaited(Promise& frame) noexcept;  // reports that it was never awaited, and destroys it

}  // namespace detail

namespace lowlevel {

// Base of the awaiters that know how a task of this library waits. Everything else that can be awaited is foreign, and
// gets a handle which brings the coroutine home to its own loop (foreign.h).
struct NativeAwaiter {};

}  // namespace lowlevel

namespace detail {

// What runs in this thread now.
struct ThisThread {
  LoopCore* loop = nullptr;    // the running loop
  TaskBase* task = nullptr;    // the task whose step runs
  Context* context = nullptr;  // that was entered, else the task's own counts; outside of tasks, the thread's
  [[no_unique_address]] AwaitProtocol awaits;
};
extern constinit thread_local ThisThread this_thread [[gnu::tls_model("initial-exec")]];

// A place in a program, as the compiler hands it to a default argument: for the functions of a promise, which only the
// compiler calls. There g++ 13 refuses std::source_location::current(), where it does not optimise.
using CallSite = decltype(__builtin_source_location());
inline std::source_location location_of(CallSite site) noexcept { return std::bit_cast<std::source_location>(site); }

template <class A>
decltype(auto) get_awaiter(A&& awaitable) {
  if constexpr (requires { std::forward<A>(awaitable).operator co_await(); }) {
    return std::forward<A>(awaitable).operator co_await();
  } else if constexpr (requires { operator co_await(std::forward<A>(awaitable)); }) {
    return operator co_await(std::forward<A>(awaitable));
  } else {
    return static_cast<A&&>(awaitable);
  }
}

template <class A>
using AwaiterOf = std::remove_cvref_t<decltype(detail::get_awaiter(std::declval<A>()))>;

}  // namespace detail

template <class A>
concept Awaitable = requires(detail::AwaiterOf<A>& awaiter) {
  awaiter.await_ready();
  awaiter.await_resume();
};

namespace detail {

template <class A>
concept NativeAwaitable = Awaitable<A> && std::derived_from<AwaiterOf<A>, lowlevel::NativeAwaiter>;

template <class T>
inline constexpr bool is_coro = false;
template <class T>
inline constexpr bool is_coro<Coro<T>> = true;
template <class T>
concept IsCoro = is_coro<T>;

}  // namespace detail

// What `co_await a` gives.
template <Awaitable A>
using AwaitResult = decltype(std::declval<detail::AwaiterOf<A>&>().await_resume());

namespace detail {

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

[[noreturn]] void throw_awaited_twice();

}  // namespace detail

// What `async def f() -> T` is in Python: a function that can wait without blocking its thread.
//
//   Coro<int> answer() {
//     co_await sleep(1s);
//     co_return 42;
//   }
//   Coro<> async_main() { std::cout << co_await answer() << '\n'; }
//
// Calling answer() runs nothing; awaiting the result runs the body in the task of the caller, and gives its value or
// throws its exception. create_task() starts it as a task of its own instead.
// Movable, and awaited at most once: a second await throws RuntimeError. One that is dropped without having been awaited
// is reported to the loop's exception handler. Parameters live in the coroutine: take what must outlive the call by value.
// Python: a coroutine object.
template <class T>
class [[nodiscard("a Coro runs when it is awaited: write co_await, or create_task()")]] Coro {
 public:
  using promise_type = detail::CoroPromise<T>;
  class Awaiter;

  Coro(const Coro&) = delete;
  template <std::same_as<T> U>
  Coro(Coro<U>&) {
    static_assert(sizeof(U*) == 0, "a Coro is awaited once, and handed over until then: write std::move(coro)");
  }
  Coro(Coro&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  Coro& operator=(Coro&& other) noexcept {
    std::swap(frame_, other.frame_);
    return *this;
  }
  ~Coro() {
    if (frame_) [[unlikely]]
      detail::drop_unawaited(*frame_);
  }

  // Runs the body to its end in the calling task.
  Awaiter operator co_await() && { return Awaiter(release()); }

  // Destroys it without the report that it was never awaited. Python: coro.close().
  void close() noexcept;

  // The coroutine function; for one that has not been awaited.
  const std::source_location& definition() const;

  // Throws RuntimeError where it has been awaited, or given away.
  void require_unused() const {
    if (frame_ == nullptr) [[unlikely]]
      detail::throw_awaited_twice();
  }

  // For those who make something else of a coroutine: the frame, which the caller now owns. Null once awaited.
  promise_type* release() noexcept { return std::exchange(frame_, nullptr); }

 private:
  friend detail::CoroPromise<T>;
  explicit Coro(promise_type& frame) noexcept : frame_(&frame) {}

  promise_type* frame_;  // null once awaited
};

template <class T>
class [[nodiscard("nothing is waited for: write co_await")]] Coro<T>::Awaiter : public lowlevel::NativeAwaiter {
 public:
  explicit Awaiter(promise_type* frame) noexcept : frame_(frame) {}
  Awaiter(const Awaiter&) = delete;
  ~Awaiter() {
    if (frame_ == nullptr) [[unlikely]]
      return;
    if (frame_->handle().done()) [[likely]] {
      frame_->handle().destroy();
    } else {
      detail::Promise::abandon(*frame_);
    }
  }

  bool await_ready() const {
    if (frame_ == nullptr) [[unlikely]]
      detail::throw_awaited_twice();
    return false;
  }

  template <class P>
  auto await_suspend(std::coroutine_handle<P> parent) {
    static_assert(std::derived_from<P, detail::Promise>,
                  "a Coro can only be awaited in a coroutine that returns asyncio::Coro");
    return parent.promise().start(*frame_);
  }

  T await_resume() { return frame_->result_.take(); }

  // Instead of await_resume(), for those who look before they take.
  detail::ResultSlot<T>& result() { return frame_->result_; }

 private:
  promise_type* frame_;  // null where the coroutine had been awaited before
};

namespace detail {

template <class T>
class CoroPromise : public Promise {
 public:
  static_assert(std::is_void_v<T> || alignof(T) <= 16, "Coro<T>: T is over-aligned; return a std::unique_ptr<T>");

  Coro<T> get_return_object(CallSite definition = __builtin_source_location()) noexcept {
    definition_ = location_of(definition);
    return Coro<T>(*this);
  }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  template <class U = T>
    requires std::convertible_to<U&&, T>
  void return_value(U&& value) {
    result_.emplace(std::forward<U>(value));
  }
  void unhandled_exception() noexcept {
    result_.clear();  // there is a value already where the destructor of a local variable threw
    result_.fail(take_exception());
  }

  ResultSlot<T> result_;
};

template <>
class CoroPromise<void> : public Promise {
 public:
  Coro<void> get_return_object(CallSite definition = __builtin_source_location()) noexcept {
    definition_ = location_of(definition);
    return Coro<void>(*this);
  }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  void return_void() noexcept { result_.emplace(); }
  void unhandled_exception() noexcept { result_.fail(take_exception()); }

  ResultSlot<void> result_;
};

}  // namespace detail

template <class T>
void Coro<T>::close() noexcept {
  if (promise_type* frame = release()) frame->handle().destroy();
}

template <class T>
const std::source_location& Coro<T>::definition() const {
  if (frame_ == nullptr) detail::throw_awaited_twice();
  return frame_->definition();
}

}  // namespace asyncio::inline ASYNCIO_ABI

#include <asyncio/waiter.h>
