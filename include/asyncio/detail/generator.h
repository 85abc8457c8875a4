// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/promise.h>
#include <asyncio/lowlevel/native_awaiter.h>

#include <concepts>
#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

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
    set_definition(definition);
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

template <class T>
typename AsyncGenerator<T>::Next AsyncGenerator<T>::next() {
  return Next(*this, false);
}

template <class T>
void AsyncGenerator<T>::destroy() noexcept {
  if (frame_ == nullptr) return;
  if (frame_->running_) {
    require_end_of_loop();
    std::exchange(frame_, nullptr)->owner_ = nullptr;  // it goes with the task that waits in it
    return;
  }
  frame_->handle().destroy();  // which sets frame_ to null
}

template <class T>
Coro<> AsyncGenerator<T>::close(AsyncGenerator& generator) {
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

}  // namespace asyncio::inline ASYNCIO_ABI
