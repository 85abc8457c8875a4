// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/coro.h>
#include <asyncio/detail/calls.h>
#include <asyncio/lowlevel/owned_awaitable.h>

#include <iterator>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI::detail {

// What is given to a function that starts several together. To make a coroutine of an argument may throw, so that all
// are made before the first is started; and where that throws, or a start does, those that were made, and the
// coroutines among the arguments, go without the report that they were never awaited.

// An argument as a coroutine; what a handle gives is its value.
template <class A>
auto coro_of(A&& awaitable) {
  using Plain = std::remove_cvref_t<A>;
  if constexpr (IsCoro<Plain> || ResultHandle<Plain>) {
    return detail::as_coro(Plain(std::forward<A>(awaitable)));
  } else {
    return detail::as_coro(lowlevel::to_owned(std::forward<A>(awaitable)));
  }
}
template <class A>
using CoroOf = decltype(detail::coro_of(std::declval<A>()));

// One argument, of type A&&: a temporary of the call that starts it.
template <class A>
class ToStart {
 public:
  explicit ToStart(A&& given) noexcept : given_(given) {}
  ToStart(const ToStart&) = delete;
  ~ToStart() {
    if constexpr (is_made) {
      given_.close();
    } else if (made_) {
      made_->close();
    }
  }

  void make() {
    if constexpr (!is_made) made_.emplace(detail::coro_of(std::forward<A>(given_)));
  }
  // Once it is made.
  CoroOf<A> take() noexcept {
    if constexpr (is_made) {
      return std::move(given_);
    } else {
      return *std::move(made_);
    }
  }
  // Instead of that.
  A&& given() const noexcept { return std::forward<A>(given_); }

 private:
  static constexpr bool is_made = IsCoro<std::remove_cvref_t<A>>;
  struct Nothing {};

  std::remove_reference_t<A>& given_;
  [[no_unique_address]] std::conditional_t<is_made, Nothing, std::optional<CoroOf<A>>> made_;
};

// A range that is not started to its end: closes what is left of the coroutines in it.
template <class R>
void close_rest(R& range) noexcept {
  if constexpr (IsCoro<std::remove_cvref_t<decltype(*std::begin(range))>> &&
                std::is_lvalue_reference_v<decltype(*std::begin(range))>) {
    for (auto& coro : range) coro.close();
  }
}

// The elements of a range as coroutines, made before any is started.
template <class R>
auto coros_of(R&& range) {
  using Element = ElementOf<R>;
  std::vector<CoroOf<Element>> coros;
  try {
    for (auto&& element : range) coros.push_back(detail::coro_of(static_cast<Element>(element)));
  } catch (...) {
    detail::close_rest(coros);
    detail::close_rest(range);
    throw;
  }
  return coros;
}

}  // namespace asyncio::inline ASYNCIO_ABI::detail
