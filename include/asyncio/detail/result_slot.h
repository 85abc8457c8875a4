// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>
#include <asyncio/detail/construct.h>

#include <concepts>
#include <cstdint>
#include <exception>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI::detail {

// What a coroutine leaves behind: nothing yet, a value, or an exception. T may be void or a reference.
// The storage of promises, tasks and futures; users meet Outcome<T> (outcome.h).
template <class T>
class ResultSlot {
 public:
  enum class State : std::uint8_t { empty, value, exception };

  ResultSlot() noexcept {}
  ResultSlot(ResultSlot&& other) noexcept(std::is_nothrow_move_constructible_v<Stored>) { take_from(other); }
  ResultSlot& operator=(ResultSlot&&) = delete;
  ~ResultSlot() { clear(); }

  State state() const { return state_; }

  template <class... Args>
  void emplace(Args&&... args) {
    if constexpr (std::is_reference_v<T>) {
      stored_ = detail::pointer_to(args...);
    } else {
      detail::construct(stored_, std::forward<Args>(args)...);
    }
    state_ = State::value;
  }

  void fail(std::exception_ptr error) noexcept {
    detail::construct(error_, std::move(error));
    state_ = State::exception;
  }

  // Becomes what `other`, which keeps a moved-from value, was. *this must be empty, and still is if the move throws.
  void take_from(ResultSlot& other) noexcept(std::is_nothrow_move_constructible_v<Stored>) {
    if (other.state_ == State::value) {
      detail::construct(stored_, std::move(other.stored_));
    } else if (other.state_ == State::exception) {
      detail::construct(error_, std::move(other.error_));
    }
    state_ = other.state_;
  }

  // The value, moved out; rethrows the exception.
  T take() {
    if (state_ == State::exception) [[unlikely]]
      std::rethrow_exception(std::exchange(error_, nullptr));
    if constexpr (std::is_reference_v<T>) {
      return static_cast<T>(*stored_);
    } else {
      return std::move(stored_);
    }
  }

  // The value, which stays; rethrows the exception, which stays too.
  std::add_lvalue_reference_t<const T> get() const {
    if (state_ == State::exception) [[unlikely]]
      std::rethrow_exception(error_);
    if constexpr (std::is_reference_v<T>) {
      return *stored_;
    } else {
      return stored_;
    }
  }

  // Null unless an exception is held.
  std::exception_ptr exception() const { return state_ == State::exception ? error_ : nullptr; }

  void clear() noexcept {
    if (state_ == State::value) {
      detail::destroy(stored_);
    } else if (state_ == State::exception) {
      detail::destroy(error_);
    }
    state_ = State::empty;
  }

 private:
  using Stored = std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, T>;

  union {
    Stored stored_;
    std::exception_ptr error_;
  };
  State state_ = State::empty;
};

// Of void: nothing yet and a value are the same, so that it is one pointer. Each coroutine and each task has one.
template <>
class ResultSlot<void> {
 public:
  enum class State : std::uint8_t { value, exception };

  ResultSlot() noexcept = default;
  ResultSlot(ResultSlot&&) noexcept = default;
  ResultSlot& operator=(ResultSlot&&) = delete;

  State state() const { return error_ == nullptr ? State::value : State::exception; }
  void emplace() noexcept {}
  void fail(std::exception_ptr error) noexcept { error_ = std::move(error); }
  void take_from(ResultSlot& other) noexcept { error_ = std::move(other.error_); }
  void take() {
    if (error_ != nullptr) [[unlikely]]
      std::rethrow_exception(std::exchange(error_, nullptr));
  }
  void get() const {
    if (error_ != nullptr) [[unlikely]]
      std::rethrow_exception(error_);
  }
  std::exception_ptr exception() const { return error_; }
  void clear() noexcept { error_ = nullptr; }

 private:
  std::exception_ptr error_;
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
