// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/future_state.h>
#include <asyncio/detail/result_slot.h>
#include <asyncio/lowlevel/native_awaiter.h>
#include <asyncio/lowlevel/owned_awaitable.h>

#include <concepts>
#include <coroutine>
#include <exception>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

// What an exception says; nothing for none.
std::string text_of(const std::exception_ptr& error);

// The code of a std::system_error; no error for another exception, and for none.
std::error_code error_code_of(const std::exception_ptr& error);

// What is thrown for a code: TimeoutError for ETIMEDOUT, otherwise a std::system_error.
std::exception_ptr exception_of(std::error_code error);

bool is_cancelled_error(const std::exception_ptr& error) noexcept;

// Whether an exception must not become a value: a cancel, and what ends the program.
bool passes_outcomes(const std::exception_ptr& error) noexcept;

}  // namespace detail

template <class T>
std::error_code Outcome<T>::error() const {
  if (const std::error_code* code = std::get_if<2>(&state_)) return *code;
  return has_value() ? std::error_code() : detail::error_code_of(std::get<1>(state_));
}

template <class T>
std::exception_ptr Outcome<T>::exception() const {
  if (const std::error_code* code = std::get_if<2>(&state_)) return detail::exception_of(*code);
  return has_value() ? nullptr : std::get<1>(state_);
}

template <class T>
std::string Outcome<T>::what() const {
  return detail::text_of(exception());
}

namespace detail {

// The outcome that a Result holds, taken out of it.
template <class T, class Owner>
Outcome<T> to_outcome(WithResult<T, Owner>& result) {
  if (std::exception_ptr error = result.exception()) return Outcome<T>(std::move(error));
  if constexpr (std::is_void_v<T>) {
    return Outcome<T>(std::in_place);
  } else {
    return Outcome<T>(std::in_place, result.take());
  }
}

// What as_result() gives to co_await.
template <class S>
class [[nodiscard("nothing is waited for: write co_await")]] AsResult : public lowlevel::NativeAwaiter {
  using Owned = lowlevel::OwnedAwaitable<S>;

 public:
  using Value = typename Owned::Value;

  explicit AsResult(S&& awaitable) : inner_(std::forward<S>(awaitable)) {}

  // What is refused, or known to have failed, before there is a wait is an outcome like any other. A Coro fails later.
  bool await_ready() {
    if constexpr (IsCoro<S>) {
      return inner_.await_ready();
    } else {
      try {
        return inner_.await_ready();
      } catch (...) {
        keep_current();
        return true;
      }
    }
  }
  template <class P>
  auto await_suspend(std::coroutine_handle<P> self) {
    using Suspends = decltype(inner_.await_suspend(self));
    if constexpr (IsCoro<S>) {
      return inner_.await_suspend(self);
    } else {
      try {
        if constexpr (std::is_void_v<Suspends>) {
          inner_.await_suspend(self);
          return true;
        } else {
          return inner_.await_suspend(self);
        }
      } catch (...) {
        keep_current();
        if constexpr (std::is_convertible_v<std::coroutine_handle<P>, Suspends>) {
          return Suspends(self);
        } else {
          return false;
        }
      }
    }
  }
  Outcome<Value> await_resume() {
    if (failed_ != nullptr) [[unlikely]]
      return Outcome<Value>(std::move(failed_));
    if constexpr (requires { inner_.awaiter().await_resume_result(); }) {
      return inner_.awaiter().await_resume_result();
    } else if constexpr (IsCoro<S>) {
      auto& result = inner_.awaiter().result();
      if (result.has_error() && passes_outcomes(result.exception())) result.take();
      return detail::to_outcome(result);
    } else {
      return catch_all();
    }
  }

 private:
  // Keeps the exception that is being handled, unless it must be thrown.
  void keep_current() {
    failed_ = std::current_exception();
    if (passes_outcomes(failed_)) throw;
  }
  Outcome<Value> catch_all() {
    try {
      if constexpr (std::is_void_v<Value>) {
        inner_.await_resume();
        return Outcome<Value>(std::in_place);
      } else {
        return Outcome<Value>(std::in_place, inner_.await_resume());
      }
    } catch (...) {
      std::exception_ptr error = std::current_exception();
      if (passes_outcomes(error) && !is_outcome_of_another(error)) throw;
      return Outcome<Value>(std::move(error));
    }
  }
  // A task or future that was cancelled, and not by us.
  bool is_outcome_of_another(const std::exception_ptr& error) {
    if constexpr (std::derived_from<typename Owned::Awaiter, JoinBase>) {
      return detail::is_cancelled_error(error) && !inner_.awaiter().was_forwarded();
    } else {
      return false;
    }
  }

  Owned inner_;
  std::exception_ptr failed_;  // before there was anything to resume
};

}  // namespace detail

template <class A>
auto as_result(A&& awaitable) {
  return detail::AsResult<lowlevel::OwnedBy<A>>(lowlevel::to_owned(std::forward<A>(awaitable)));
}

}  // namespace asyncio::inline ASYNCIO_ABI
