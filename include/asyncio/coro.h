// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>
#include <asyncio/frame_pool.h>
#include <asyncio/result.h>

#include <concepts>
#include <coroutine>
#include <exception>
#include <source_location>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

class Context;
class Promise;
class TaskBase;
struct LoopCore;
template <class T = void>
class Coro;
template <class T>
class CoroPromise;
template <class A>
class ForeignAwaiter;

// Base of the awaiters that know how a task of this library waits. Everything else that can be awaited is foreign, and
// gets a handle which brings the coroutine home to its own loop (foreign.h).
struct NativeAwaiter {};

// What runs in this thread now.
struct ThisThread {
  LoopCore* loop = nullptr;    // the running loop
  TaskBase* task = nullptr;    // the task whose step runs
  Context* context = nullptr;  // that was entered, else the task's own counts; outside of tasks, the thread's
#if !ASYNCIO_SYMMETRIC_TRANSFER
  Promise* next = nullptr;  // to be resumed by the task's step, once the stack has unwound to it
  unsigned depth = 0;       // coroutines that are being resumed by the coroutine which awaits them
#endif
};
extern constinit thread_local ThisThread this_thread [[gnu::tls_model("initial-exec")]];

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
using AwaiterOf = std::remove_cvref_t<decltype(get_awaiter(std::declval<A>()))>;

template <class A>
concept Awaitable = requires(AwaiterOf<A>& awaiter) {
  awaiter.await_ready();
  awaiter.await_resume();
};

template <class A>
concept NativeAwaitable = Awaitable<A> && std::derived_from<AwaiterOf<A>, NativeAwaiter>;

template <class T>
inline constexpr bool is_coro = false;
template <class T>
inline constexpr bool is_coro<Coro<T>> = true;
template <class T>
concept IsCoro = is_coro<T>;

// What `co_await a` gives.
template <Awaitable A>
using AwaitResult = decltype(std::declval<AwaiterOf<A>&>().await_resume());

#if !ASYNCIO_SYMMETRIC_TRANSFER
// Stands for an awaiter that lives elsewhere: g++ 12 copies one that it is given by reference.
template <class A>
class AwaiterReference : public NativeAwaiter {
 public:
  explicit AwaiterReference(A& awaiter) : awaiter_(&awaiter) {}
  bool await_ready() { return awaiter_->await_ready(); }
  template <class P>
  auto await_suspend(std::coroutine_handle<P> self) {
    return awaiter_->await_suspend(self);
  }
  decltype(auto) await_resume() { return awaiter_->await_resume(); }

 private:
  A* awaiter_;
};
#endif

// The part of a coroutine's promise that does not depend on its type: where it is, and who goes on when it ends.
class Promise {
 public:
  static void* operator new(std::size_t size) { return FramePool::get(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { FramePool::put(frame, size); }

  std::suspend_always initial_suspend() const noexcept { return {}; }

  template <class A>
  decltype(auto) await_transform(A&& awaitable,
                                 [[maybe_unused]] std::source_location site = std::source_location::current()) {
    static_assert(!(IsCoro<std::remove_cvref_t<A>> && std::is_lvalue_reference_v<A>),
                  "co_await: a Coro is awaited once, and gone then: write co_await std::move(coro), or make it a task");
    static_assert(Awaitable<A> || IsCoro<std::remove_cvref_t<A>>,
                  "co_await: this cannot be awaited; await a Coro, a Task, a Future or another awaitable");
#if ASYNCIO_AWAIT_SITES
    site_ = site;
#endif
    if constexpr (!Awaitable<A>) {
      return std::suspend_never();  // one error is enough
    } else if constexpr (!NativeAwaitable<A>) {
      return ForeignAwaiter<A>(static_cast<A&&>(awaitable));
#if !ASYNCIO_SYMMETRIC_TRANSFER
    } else if constexpr (std::derived_from<std::remove_cvref_t<A>, NativeAwaiter>) {
      return AwaiterReference<std::remove_reference_t<A>>(awaitable);
#endif
    } else {
      return static_cast<A&&>(awaitable);
    }
  }

  std::coroutine_handle<Promise> handle() noexcept { return std::coroutine_handle<Promise>::from_promise(*this); }

  const Promise* parent() const { return parent_; }                       // who awaits it; null for the root of a task
  const std::source_location& definition() const { return definition_; }  // of the function
#if ASYNCIO_AWAIT_SITES
  const std::source_location& await_site() const { return site_; }  // line 0 before the first await
#endif

  // Starts `child` on behalf of *this; what await_suspend of a child's awaiter returns.
#if ASYNCIO_SYMMETRIC_TRANSFER
  std::coroutine_handle<> start(Promise& child) noexcept {
    child.parent_ = this;
    child.becomes_innermost();
    return child.handle();
  }
#else
  bool start(Promise& child) {
    child.parent_ = this;
    child.becomes_innermost();
    if (this_thread.depth >= max_depth) [[unlikely]] {
      this_thread.next = &child;
      return true;
    }
    ++this_thread.depth;
    child.nested_ = true;
    child.left_ = false;
    child.handle().resume();
    child.nested_ = false;
    --this_thread.depth;
    return !child.left_;
  }
#endif

  // Goes on with the parent; what await_suspend of the final awaiter, or of a generator's yield, returns.
#if ASYNCIO_SYMMETRIC_TRANSFER
  std::coroutine_handle<> leave() noexcept {
    if (parent_ == nullptr) [[unlikely]] {
      leave_task();
      return std::noop_coroutine();
    }
    parent_->becomes_innermost();
    return parent_->handle();
  }
#else
  void leave() noexcept {
    if (parent_ == nullptr) return leave_task();
    parent_->becomes_innermost();
    if (nested_) {
      left_ = true;
    } else {
      this_thread.next = parent_;
    }
  }
#endif

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
#if ASYNCIO_AWAIT_SITES
  std::source_location site_;
#endif
#if !ASYNCIO_SYMMETRIC_TRANSFER
  static constexpr unsigned max_depth = 128;
  bool nested_ = false;  // start() is on the stack below: it sees left_, and goes on with the parent itself
  bool left_ = false;    // has ended, or yielded, while nested_
#endif
};

struct FinalAwaiter {
  bool await_ready() const noexcept { return false; }
  template <class P>
  auto await_suspend(std::coroutine_handle<P> self) const noexcept {
    return self.promise().leave();
  }
  void await_resume() const noexcept {}
};

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
  using promise_type = CoroPromise<T>;
  class Awaiter;

  Coro(Coro&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  Coro& operator=(Coro&& other) noexcept {
    std::swap(frame_, other.frame_);
    return *this;
  }
  ~Coro() {
    if (frame_) [[unlikely]]
      drop(*frame_);
  }

  // Runs the body to its end in the calling task.
  Awaiter operator co_await() && { return Awaiter(release()); }

  // Destroys it without the report that it was never awaited. Python: coro.close().
  void close() noexcept;

  // The coroutine function; for one that has not been awaited.
  const std::source_location& definition() const;

  // For those who make something else of a coroutine: the frame, which the caller now owns. Null once awaited.
  promise_type* release() noexcept { return std::exchange(frame_, nullptr); }

 private:
  friend CoroPromise<T>;
  explicit Coro(promise_type& frame) noexcept : frame_(&frame) {}

  promise_type* frame_;  // null once awaited
};

// Reports that a coroutine was never awaited, and destroys it.
void drop(Promise& frame) noexcept;
[[noreturn]] void throw_awaited_twice();

template <class T>
class [[nodiscard("nothing is waited for: write co_await")]] Coro<T>::Awaiter : public NativeAwaiter {
 public:
  explicit Awaiter(promise_type* frame) noexcept : frame_(frame) {}
  Awaiter(const Awaiter&) = delete;
  ~Awaiter() {
    if (frame_ == nullptr) [[unlikely]]
      return;
    if (frame_->handle().done()) [[likely]] {
      frame_->handle().destroy();
    } else {
      Promise::abandon(*frame_);
    }
  }

  bool await_ready() const {
    if (frame_ == nullptr) [[unlikely]]
      throw_awaited_twice();
    return false;
  }

  template <class P>
  auto await_suspend(std::coroutine_handle<P> parent) {
    static_assert(std::derived_from<P, Promise>,
                  "a Coro can only be awaited in a coroutine that returns asyncio::Coro");
    return parent.promise().start(*frame_);
  }

  T await_resume() { return frame_->result_.take(); }

  // Instead of await_resume(), for those who look before they take.
  Result<T>& result() { return frame_->result_; }

 private:
  promise_type* frame_;  // null where the coroutine had been awaited before
};

template <class T>
class CoroPromise : public Promise {
 public:
  static_assert(std::is_void_v<T> || alignof(T) <= 16, "Coro<T>: T is over-aligned; return a std::unique_ptr<T>");

  Coro<T> get_return_object(std::source_location definition = std::source_location::current()) noexcept {
    definition_ = definition;
    return Coro<T>(*this);
  }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  template <class U = T>
    requires std::convertible_to<U&&, T>
  void return_value(U&& value) {
    result_.emplace(std::forward<U>(value));
  }
  void unhandled_exception() noexcept { result_.fail(take_exception()); }

  Result<T> result_;
};

template <>
class CoroPromise<void> : public Promise {
 public:
  Coro<void> get_return_object(std::source_location definition = std::source_location::current()) noexcept {
    definition_ = definition;
    return Coro<void>(*this);
  }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  void return_void() noexcept { result_.emplace(); }
  void unhandled_exception() noexcept { result_.fail(take_exception()); }

  Result<void> result_;
};

template <class T>
void Coro<T>::close() noexcept {
  if (promise_type* frame = release()) frame->handle().destroy();
}

template <class T>
const std::source_location& Coro<T>::definition() const {
  if (frame_ == nullptr) throw_awaited_twice();
  return frame_->definition();
}

}  // namespace asyncio::inline ASYNCIO_ABI

#include <asyncio/waiter.h>
