// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>
#include <asyncio/detail/construct.h>

#include <exception>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

namespace asyncio::inline ASYNCIO_ABI {

// What became of an operation, as a value: what it gave, or why it failed.
//
//   Outcome<std::size_t> sent = co_await as_result(sender.send(data));
//   if (!sent) {
//     log(sent.error().message());
//     co_return;
//   }
//   total += sent.value();
//
// T may be void, or a reference. Copyable where T is. Python has only exceptions; the nearest is what
// gather(..., return_exceptions=True) gives.
template <class T>
class [[nodiscard]] Outcome {
  using Stored = std::conditional_t<std::is_void_v<T>, std::monostate,
                                    std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, T>>;

 public:
  // A value.
  template <class... Args>
  explicit Outcome(std::in_place_t, Args&&... args)
      : state_(std::in_place_index<0>, stored(std::forward<Args>(args)...)) {}
  // A failure: an exception, which must not be null, or the code of an error, which must be one.
  explicit Outcome(std::exception_ptr error) : state_(std::in_place_index<1>, std::move(error)) {}
  explicit Outcome(std::error_code error) : state_(std::in_place_index<2>, error) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  // The value; throws the exception where there is none.
  std::add_lvalue_reference_t<T> value() & {
    require_value();
    if constexpr (!std::is_void_v<T>) return get(std::get<0>(state_));
  }
  std::add_lvalue_reference_t<const T> value() const& {
    require_value();
    if constexpr (!std::is_void_v<T>) return get(std::get<0>(state_));
  }
  T value() && {
    require_value();
    if constexpr (!std::is_void_v<T>) return static_cast<T&&>(get(std::get<0>(state_)));
  }

  // The code of the error: its own, or that of the std::system_error which is the exception. No error where there is a
  // value, or an exception of another kind.
  std::error_code error() const;

  // The exception, made of the code where that is what there is; null where there is a value.
  std::exception_ptr exception() const;

  // What the error says, whatever it is: what() of an exception, "cancelled" or the message of a cancel, the text of a
  // code, and of an exception that says nothing its type. Empty where there is a value.
  std::string what() const;

 private:
  static Stored stored()
    requires std::is_void_v<T>
  {
    return {};
  }
  template <class U>
  static Stored stored(U&& value) {
    if constexpr (std::is_reference_v<T>) {
      return detail::pointer_to(value);
    } else {
      return Stored(std::forward<U>(value));
    }
  }
  template <class V>
  static auto& get(V& stored) {
    if constexpr (std::is_reference_v<T>) {
      return *stored;
    } else {
      return stored;
    }
  }
  void require_value() const {
    if (!has_value()) [[unlikely]]
      std::rethrow_exception(exception());
  }

  std::variant<Stored, std::exception_ptr, std::error_code> state_;
};

// Awaits any awaitable, and gives what became of it instead of throwing its exception.
// CancelledError is thrown all the same, as are SystemExit and KeyboardInterrupt: a cancel of the caller must not end
// up in a value. That another task or future which is awaited was cancelled is its outcome, and is given as such,
// unless it was the caller's cancel that was passed on to it.
// An awaiter that can fail without throwing offers, beside await_resume(), `Outcome<T> await_resume_result()`.
template <class A>
auto as_result(A&& awaitable);

}  // namespace asyncio::inline ASYNCIO_ABI

#include <asyncio/detail/outcome.h>
