// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/task.h>

#include <concepts>
#include <iterator>
#include <optional>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

// For awaiters that await something else on behalf of their user (wait_for(), as_result()): any awaitable, kept until it
// is awaited, and then its awaiter. No coroutine frame of its own.
//
//   template <class S>
//   class Timed : public NativeAwaiter {
//    public:
//     explicit Timed(S&& awaitable) : inner_(std::forward<S>(awaitable)) {}
//     bool await_ready() { return inner_.await_ready(); }
//     template <class P>
//     auto await_suspend(std::coroutine_handle<P> self) { return inner_.await_suspend(self); }
//     typename OwnedAwaitable<S>::Value await_resume() { ... return inner_.await_resume(); }
//    private:
//     OwnedAwaitable<S> inner_;
//   };
//   template <class A>
//   auto timed(A&& awaitable) { return Timed<decltype(to_owned(std::forward<A>(awaitable)))>(to_owned(...)); }
//
// to_owned() makes of an argument what can be kept: a Coro, a Task, a Future or another awaitable that is an rvalue is
// moved in; the handle in an lvalue is copied, and awaited as the lvalue would be, which gives a reference to the value;
// an awaiter that is an lvalue stays where it is. What is foreign becomes a Coro, which waits for it.
// Movable until it is awaited.

// A handle that was given as an lvalue.
template <class H>
class SharedHandle {
 public:
  explicit SharedHandle(const H& handle) : handle_(handle) {}

  auto operator co_await() && { return std::as_const(handle_).operator co_await(); }
  auto& state() const { return handle_.state(); }
  bool done() const { return handle_.done(); }
  bool cancel() const { return handle_.cancel(); }

 private:
  H handle_;
};

// A Task<T> or Future<T>.
template <class H>
concept ResultHandle = requires(const H& handle) {
  requires std::derived_from<std::remove_cvref_t<decltype(handle.state())>, FutureBase>;
};

// What is awaited together, and given as one argument: a vector of Coros, of Tasks, a view.
template <class R>
concept AwaitableRange = !Awaitable<R> && requires(R& range) {
  std::begin(range);
  std::end(range);
};

// Whether what is given is one range, and not one awaitable after the other.
template <class... A>
inline constexpr bool is_range = sizeof...(A) == 1 && (AwaitableRange<A> && ...);

// As what the elements of a range are taken: moved out of a container that is given up, and copied out of one that stays,
// which only handles can be.
template <class R>
struct ElementsOf {
  using Found = decltype(*std::begin(std::declval<R&>()));
  static constexpr bool given = !std::is_lvalue_reference_v<R> && requires(R& range) { range.clear(); };
  static constexpr bool stolen = !given && IsCoro<std::remove_cvref_t<Found>> && std::is_lvalue_reference_v<Found>;
  static_assert(!stolen, "a Coro is awaited once, and gone then: hand the whole range over, with std::move(coros)");
  using type = std::conditional_t<given || stolen, std::remove_cvref_t<Found>&&, Found&&>;
};
template <class R>
using ElementOf = typename ElementsOf<R>::type;

// Refuses a Coro that has been awaited or given away: to be asked before others beside it are started.
template <class A>
void require_unused(const A& awaitable) {
  if constexpr (IsCoro<A>) awaitable.require_unused();
}
template <class R>
void require_all_unused(R& range) {
  if constexpr (std::is_lvalue_reference_v<decltype(*std::begin(range))>) {
    for (const auto& awaitable : range) require_unused(awaitable);
  }
}

// Whether an argument can be awaited; where not, says what to write instead.
template <class A>
constexpr bool check_awaitable() {
  using Plain = std::remove_cvref_t<A>;
  static_assert(Awaitable<A> || !IsCoro<Plain>, "a Coro is awaited once, and must be handed over: write std::move()");
  static_assert(Awaitable<A> || IsCoro<Plain>,
                "this cannot be awaited: a Coro, a Task, a Future or another awaitable was expected");
  return Awaitable<A>;
}

template <class A>
Coro<AwaitResult<A&>> refer_to(A& awaitable) {
  co_return co_await awaitable;
}

}  // namespace detail

namespace lowlevel {

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

}  // namespace lowlevel

}  // namespace asyncio::inline ASYNCIO_ABI
