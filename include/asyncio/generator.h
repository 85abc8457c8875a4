// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/error.h>
#include <asyncio/waiter.h>

#include <exception>
#include <memory>
#include <optional>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

template <class T>
class GeneratorPromise;

}  // namespace detail

// Thrown at the co_yield of a generator that is being closed, so that it cleans up. No base class, like CancelledError: what
// catches it should rethrow.
class GeneratorExit final {};

namespace detail {

// The states of a generator, and what happens where a step is asked for that cannot be.
class GeneratorBase {
 protected:
  [[noreturn]] static void throw_running();
  [[noreturn]] static void throw_ignored_exit();
  [[noreturn]] static void die_running() noexcept;
};

}  // namespace detail

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
// Movable, not while a step runs; one step at a time. Destroying it destroys its locals; where its cleaning up has to wait, close it with aclose() first.
// For the thread of one loop. Python: an asynchronous generator.
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

  // Awaiting it runs the body up to its next co_yield, and gives the value; nothing once the body has ended. Throws RuntimeError
  // where a step runs already.
  Next next() { return Next(*this, false); }

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
  void destroy() noexcept {
    if (frame_ == nullptr) return;
    if (frame_->running_) die_running();
    frame_->handle().destroy();  // which sets frame_ to null
  }

  static Coro<> close(AsyncGenerator& generator) {
    if (generator.frame_ == nullptr) co_return;
    if (!generator.frame_->started_) {
      generator.destroy();
      co_return;
    }
    bool exited = false;
    try {
      auto value = co_await Next(generator, true);
      exited = !value.has_value();
    } catch (const GeneratorExit&) {
      exited = true;
    }
    if (!exited) throw_ignored_exit();
  }

  promise_type* frame_ = nullptr;  // null once it has ended
};

// One step.
template <class T>
class [[nodiscard("nothing is waited for: write co_await")]] AsyncGenerator<T>::Next : public lowlevel::NativeAwaiter {
 public:
  Next(AsyncGenerator& generator, bool close) : generator_(&generator), close_(close) {}

  bool await_ready() const {
    if (generator_->frame_ == nullptr) return true;
    if (generator_->frame_->running_) throw_running();
    return false;
  }

  template <class P>
  auto await_suspend(std::coroutine_handle<P> self) {
    static_assert(std::derived_from<P, detail::Promise>,
                  "a generator can only be awaited in a coroutine that returns asyncio::Coro");
    promise_type& frame = *generator_->frame_;
    frame.running_ = frame.started_ = true;
    frame.closing_ = close_;
    return self.promise().start(frame);
  }

  std::optional<T> await_resume() {
    promise_type* frame = generator_->frame_;
    if (frame == nullptr) return std::nullopt;
    frame->running_ = false;
    if (frame->value_.has_value()) return std::exchange(frame->value_, std::nullopt);
    // It has ended, by a return or by an exception.
    const std::exception_ptr error = std::move(frame->error_);
    generator_->destroy();
    if (error != nullptr) std::rethrow_exception(error);
    return std::nullopt;
  }

 private:
  AsyncGenerator* generator_;
  bool close_;  // throw GeneratorExit where it goes on
};

namespace detail {

template <class T>
class GeneratorPromise : public Promise {
 public:
  ~GeneratorPromise() {
    if (owner_ != nullptr) owner_->frame_ = nullptr;
  }

  AsyncGenerator<T> get_return_object(CallSite definition = __builtin_source_location()) noexcept {
    definition_ = location_of(definition);
    return AsyncGenerator<T>(*this);
  }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  void return_void() const noexcept {}
  void unhandled_exception() noexcept { error_ = take_exception(); }

  struct Yield {
    GeneratorPromise& promise;
    explicit Yield(GeneratorPromise& owner) : promise(owner) {}
    bool await_ready() const noexcept { return false; }
    auto await_suspend(std::coroutine_handle<GeneratorPromise>) noexcept { return promise.leave(); }
    void await_resume() const {
      if (promise.closing_) throw GeneratorExit();
    }
  };
  template <class U = T>
    requires std::convertible_to<U&&, T>
  Yield yield_value(U&& value) {
    value_.emplace(std::forward<U>(value));
    return Yield(*this);
  }

 private:
  friend class AsyncGenerator<T>;

  AsyncGenerator<T>* owner_ = nullptr;  // null once the two go separate ways
  std::optional<T> value_;              // given, and not taken yet
  std::exception_ptr error_;
  bool started_ = false;
  bool running_ = false;  // a step is under way
  bool closing_ = false;  // GeneratorExit is to be thrown
};

}  // namespace detail

}  // namespace asyncio::inline ASYNCIO_ABI
