// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/owned_awaitable.h>

#include <concepts>
#include <coroutine>
#include <optional>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI::lowlevel {

// For awaiters that await something else on behalf of their user (wait_for(), as_result()): any awaitable, kept until
// it is awaited, and then its awaiter. No coroutine frame of its own.
//
//   template <class S>
//   class Timed : public lowlevel::NativeAwaiter {
//    public:
//     explicit Timed(S&& awaitable) : inner_(std::forward<S>(awaitable)) {}
//     bool await_ready() { return inner_.await_ready(); }
//     template <class P>
//     auto await_suspend(std::coroutine_handle<P> self) { return inner_.await_suspend(self); }
//     typename lowlevel::OwnedAwaitable<S>::Value await_resume() { return inner_.await_resume(); }
//    private:
//     lowlevel::OwnedAwaitable<S> inner_;
//   };
//   template <class A>
//   auto timed(A&& awaitable) {
//     return Timed<lowlevel::OwnedBy<A>>(lowlevel::to_owned(std::forward<A>(awaitable)));
//   }
//
// to_owned() makes of an argument what can be kept: a Coro, a Task, a Future or another awaitable that is an rvalue is
// moved in; the handle in an lvalue is copied, and awaited as the lvalue would be, which gives a reference to the
// value; an awaiter that is an lvalue stays where it is. What is foreign becomes a Coro, which waits for it.
// Movable until it is awaited.

// Makes of an argument what can be kept.
template <class A>
decltype(auto) to_owned(A&& awaitable) {
  using Plain = std::remove_cvref_t<A>;
  detail::check_awaitable<A>();
  if constexpr (!detail::NativeAwaitable<A>) {
    if constexpr (std::is_lvalue_reference_v<A>) {
      return detail::refer_to(awaitable);
    } else {
      return detail::as_coro(std::forward<A>(awaitable));
    }
  } else if constexpr (std::is_lvalue_reference_v<A> && detail::ResultHandle<Plain>) {
    return detail::SharedHandle<Plain>(awaitable);
  } else {
    return std::forward<A>(awaitable);
  }
}

// What to_owned() gives for an argument of type A; an lvalue reference for what stays where it is.
template <class A>
using OwnedBy = std::conditional_t<std::is_lvalue_reference_v<decltype(lowlevel::to_owned(std::declval<A>()))>,
                                   decltype(lowlevel::to_owned(std::declval<A>())),
                                   std::remove_cvref_t<decltype(lowlevel::to_owned(std::declval<A>()))>>;

// S: what to_owned() gave, as OwnedBy names it.
template <class S>
class OwnedAwaitable {
 public:
  using Awaiter = detail::AwaiterOf<S>;
  using Value = AwaitResult<S>;

  explicit OwnedAwaitable(S&& awaitable) : awaitable_(std::forward<S>(awaitable)) {}
  OwnedAwaitable(OwnedAwaitable&& other) : awaitable_(std::forward<S>(other.awaitable_)) {}

  bool await_ready() {
    if constexpr (detail::IsCoro<S>) {
      if (awaiter_.has_value()) [[unlikely]]
        detail::throw_awaited_twice();
      awaiter_.emplace(awaitable_.release());
    } else if constexpr (!own_awaiter) {
      awaiter_.emplace(detail::get_awaiter(std::forward<S>(awaitable_)));
    }
    return awaiter().await_ready();
  }
  template <class P>
  auto await_suspend(std::coroutine_handle<P> self) {
    return awaiter().await_suspend(self);
  }
  Value await_resume() { return awaiter().await_resume(); }

  std::remove_reference_t<S>& awaitable() { return awaitable_; }
  // Once awaited.
  Awaiter& awaiter() {
    if constexpr (own_awaiter) {
      return awaitable_;
    } else {
      return *awaiter_;
    }
  }

 private:
  static constexpr bool own_awaiter = std::same_as<std::remove_cvref_t<S>, Awaiter>;
  struct Nothing {};

  S awaitable_;
  [[no_unique_address]] std::conditional_t<own_awaiter, Nothing, std::optional<Awaiter>> awaiter_;
};

}  // namespace asyncio::inline ASYNCIO_ABI::lowlevel
