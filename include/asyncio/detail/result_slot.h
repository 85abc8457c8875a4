// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>
#include <asyncio/detail/construct.h>
#include <asyncio/detail/result_word.h>

#include <concepts>
#include <cstdint>
#include <exception>
#include <new>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI::detail {

// How a result of type T is stored: void as nothing, a reference as a pointer.
struct NoValue {};
template <class T>
struct StoredAs {
  using type = T;
};
template <class T>
struct StoredAs<T&> {
  using type = T*;
};
template <class T>
struct StoredAs<T&&> {
  using type = T*;
};
template <>
struct StoredAs<void> {
  using type = NoValue;
};

// Room for a value that does not fit into a ResultWord.
template <class Stored>
union ResultRoom {
  ResultRoom() noexcept {}
  ResultRoom(const ResultRoom&) = delete;
  ResultRoom& operator=(const ResultRoom&) = delete;
  ~ResultRoom() {}

  Stored value;
};

// An Owner with a result: nothing yet, a value, or an exception. T may be a reference, or void, of which a value and
// nothing yet are the same. The storage of coroutines, tasks and futures; users meet Outcome<T> (outcome.h).
//
// The Owner has a ResultWord word_, and knows what is in it: has_value() and has_error() say so, note_value() and
// note_error() are told before it changes.
template <class T, class Owner>
class WithResult : public Owner {
  using Stored = typename StoredAs<T>::type;
  static constexpr bool in_word = fits_result_word<Stored>;

 public:
  using Owner::Owner;
  WithResult() = default;
  WithResult(const WithResult&) = delete;
  WithResult& operator=(const WithResult&) = delete;
  ~WithResult() { destroy(); }

  template <class... Args>
  void emplace(Args&&... args) {
    if constexpr (std::is_void_v<T>) {
      static_assert(sizeof...(args) == 0);
    } else if constexpr (std::is_reference_v<T>) {
      emplace_stored(detail::pointer_to(args...));
    } else {
      emplace_stored(std::forward<Args>(args)...);
    }
  }

  void fail(std::exception_ptr error) noexcept {
    this->note_error();
    detail::construct(this->word_.error, std::move(error));
  }

  // Becomes what `other`, which keeps a moved-from value, was. *this must be empty, and still is if the move throws.
  template <class Other>
  void take_from(WithResult<T, Other>& other) noexcept(std::is_nothrow_move_constructible_v<Stored>) {
    if (other.has_error()) [[unlikely]] {
      fail(std::move(other.word_.error));
    } else if constexpr (!std::is_void_v<T>) {
      if (other.has_value()) emplace_stored(std::move(other.value()));
    }
  }

  // The value, moved out; rethrows the exception.
  T take() {
    if (this->has_error()) [[unlikely]]
      std::rethrow_exception(std::exchange(this->word_.error, nullptr));
    if constexpr (std::is_reference_v<T>) {
      return static_cast<T>(*value());
    } else if constexpr (!std::is_void_v<T>) {
      return std::move(value());
    }
  }

  // The value, which stays; rethrows the exception, which stays too.
  std::add_lvalue_reference_t<const T> get() const {
    if (this->has_error()) [[unlikely]]
      std::rethrow_exception(this->word_.error);
    if constexpr (std::is_reference_v<T>) {
      return *value();
    } else if constexpr (!std::is_void_v<T>) {
      return value();
    }
  }

  // Null unless an exception is held.
  std::exception_ptr exception() const { return this->has_error() ? this->word_.error : nullptr; }

  void clear() noexcept {
    destroy();
    this->note_nothing();
  }

 private:
  template <class, class>
  friend class WithResult;

  template <class... Args>
  void emplace_stored(Args&&... args) {
    if constexpr (in_word) {
      Stored made = detail::make<Stored>(std::forward<Args>(args)...);  // may throw: the word is still its owner's
      this->note_value();
      ::new (static_cast<void*>(this->word_.value)) Stored(std::move(made));
    } else {
      detail::construct(room_.value, std::forward<Args>(args)...);
      this->note_value();
    }
  }
  Stored& value() noexcept { return const_cast<Stored&>(std::as_const(*this).value()); }
  const Stored& value() const noexcept {
    if constexpr (in_word) {
      return *std::launder(reinterpret_cast<const Stored*>(this->word_.value));
    } else {
      return room_.value;
    }
  }
  void destroy() noexcept {
    if (this->has_error()) [[unlikely]] {
      detail::destroy(this->word_.error);
    } else if constexpr (!in_word) {
      if (this->has_value()) detail::destroy(room_.value);
    }
  }

  [[no_unique_address]] std::conditional_t<in_word, NoValue, ResultRoom<Stored>> room_;
};

// A result that nobody else knows the state of.
class ResultState {
 public:
  bool has_value() const { return state_ == State::value; }
  bool has_error() const { return state_ == State::error; }

 protected:
  void note_value() noexcept { state_ = State::value; }
  void note_error() noexcept { state_ = State::error; }
  void note_nothing() noexcept { state_ = State::nothing; }

  ResultWord word_;

 private:
  enum class State : std::uint8_t { nothing, value, error };
  State state_ = State::nothing;
};

template <class T>
using ResultSlot = WithResult<T, ResultState>;

}  // namespace asyncio::inline ASYNCIO_ABI::detail
