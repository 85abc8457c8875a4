// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/coro.h>
#include <asyncio/detail/generator_base.h>

#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

// Thrown at the co_yield of a generator that is being closed, so that it cleans up. No base class, like CancelledError:
// what catches it should rethrow.
class GeneratorExit final {};

// A coroutine that gives many values, and may wait between them: what `async def` with `yield` is in Python.
//
//   AsyncGenerator<int> ticks(int count) {
//     for (int i = 0; i < count; ++i) {
//       co_await sleep(1s);
//       co_yield i;
//     }
//   }
//
//   auto gen = ticks(3);
//   while (auto tick = co_await gen.next()) std::cout << *tick << '\n';
//
// It runs in the task that asks for the next value, and only then. An exception that leaves it comes out of next(), and
// ends it. A cancel of the waiting task is thrown inside of it, where it waits.
// Movable, not while a step runs; one step at a time. Destroying it destroys its locals; where its cleaning up has to
// wait, close it with aclose() first. For the thread of one loop. Python: an asynchronous generator.
template <class T>
class [[nodiscard]] AsyncGenerator : private detail::GeneratorBase {
 public:
  using promise_type = detail::GeneratorPromise<T>;
  class Next;

  AsyncGenerator(AsyncGenerator&& other) noexcept { take(other); }
  AsyncGenerator& operator=(AsyncGenerator&& other) noexcept {
    if (this != &other) {
      destroy();
      take(other);
    }
    return *this;
  }
  ~AsyncGenerator() { destroy(); }

  // Awaiting it runs the body up to its next co_yield, and gives the value; nothing once the body has ended. Throws
  // RuntimeError where a step runs already.
  Next next();

  // Ends it: throws GeneratorExit at its co_yield, and waits until the body has ended. Nothing happens where it has not
  // started, or has ended. Throws RuntimeError where a step runs, or the body yields once more.
  Coro<> aclose() { return close(*this); }

 private:
  friend detail::GeneratorPromise<T>;
  explicit AsyncGenerator(promise_type& frame) noexcept : frame_(&frame) { frame.owner_ = this; }

  void take(AsyncGenerator& other) noexcept {
    frame_ = std::exchange(other.frame_, nullptr);
    if (frame_ != nullptr) frame_->owner_ = this;
  }
  void destroy() noexcept;

  static Coro<> close(AsyncGenerator& generator);

  promise_type* frame_ = nullptr;  // null once it has ended
};

}  // namespace asyncio::inline ASYNCIO_ABI

#include <asyncio/detail/generator.h>
