// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/awaitable.h>
#include <asyncio/config.h>

#include <concepts>
#include <coroutine>
#include <source_location>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

template <class T>
class CoroPromise;

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
// Movable, and awaited at most once: a second await throws RuntimeError. One that is dropped without having been
// awaited is reported to the loop's exception handler. Parameters live in the coroutine: take what must outlive the
// call by value.
// Python: a coroutine object.
template <class T = void>
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
  ~Coro();

  // Runs the body to its end in the calling task.
  Awaiter operator co_await() &&;

  // Destroys it without the report that it was never awaited. Python: coro.close().
  void close() noexcept;

  // The coroutine function; for one that has not been awaited.
  std::source_location definition() const;

  // Throws RuntimeError where it has been awaited, or given away.
  void require_unused() const;

  // For those who make something else of a coroutine: the frame, which the caller now owns. Null once awaited.
  promise_type* release() noexcept { return std::exchange(frame_, nullptr); }

 private:
  friend detail::CoroPromise<T>;
  explicit Coro(promise_type& frame) noexcept : frame_(&frame) {}

  promise_type* frame_;  // null once awaited
};

}  // namespace asyncio::inline ASYNCIO_ABI

#include <asyncio/detail/coro.h>
