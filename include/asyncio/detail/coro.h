// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/foreign_awaiter.h>
#include <asyncio/detail/promise.h>
#include <asyncio/detail/result_slot.h>
#include <asyncio/lowlevel/native_awaiter.h>

#include <concepts>
#include <coroutine>
#include <exception>
#include <source_location>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

// Reports that a coroutine was never awaited, and destroys it.
void drop_unawaited(Promise& frame) noexcept;

[[noreturn]] void throw_awaited_twice();

}  // namespace detail

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

  T await_resume() { return frame_->take(); }

  // Instead of await_resume(), for those who look before they take.
  promise_type& result() { return *frame_; }

 private:
  promise_type* frame_;  // null where the coroutine had been awaited before
};

namespace detail {

template <class T>
class CoroPromise : public WithResult<T, Promise> {
 public:
  static_assert(std::is_void_v<T> || alignof(T) <= 16, "Coro<T>: T is over-aligned; return a std::unique_ptr<T>");

  Coro<T> get_return_object(CallSite definition = __builtin_source_location()) noexcept {
    this->set_definition(definition);
    return Coro<T>(*this);
  }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  template <class U = T>
    requires std::convertible_to<U&&, T>
  void return_value(U&& value) {
    this->emplace(std::forward<U>(value));
  }
  void unhandled_exception() noexcept {
    std::exception_ptr error = this->take_exception();
    this->clear();  // there is a value already where the destructor of a local variable threw
    this->fail(std::move(error));
  }
};

template <>
class CoroPromise<void> : public WithResult<void, Promise> {
 public:
  Coro<void> get_return_object(CallSite definition = __builtin_source_location()) noexcept {
    set_definition(definition);
    return Coro<void>(*this);
  }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  void return_void() noexcept {}
  void unhandled_exception() noexcept { fail(take_exception()); }
};

}  // namespace detail

template <class T>
Coro<T>::~Coro() {
  if (frame_) [[unlikely]]
    detail::drop_unawaited(*frame_);
}

template <class T>
typename Coro<T>::Awaiter Coro<T>::operator co_await() && {
  return Awaiter(release());
}

template <class T>
void Coro<T>::close() noexcept {
  if (promise_type* frame = release()) frame->handle().destroy();
}

template <class T>
std::source_location Coro<T>::definition() const {
  if (frame_ == nullptr) detail::throw_awaited_twice();
  return frame_->definition();
}

template <class T>
void Coro<T>::require_unused() const {
  if (frame_ == nullptr) [[unlikely]]
    detail::throw_awaited_twice();
}

}  // namespace asyncio::inline ASYNCIO_ABI
