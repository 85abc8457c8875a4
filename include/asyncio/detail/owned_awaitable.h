// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/coro.h>
#include <asyncio/detail/awaitable_range.h>
#include <asyncio/detail/calls.h>
#include <asyncio/detail/future_base.h>

#include <concepts>
#include <iterator>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI::detail {

// A Task<T> or Future<T>.
template <class H>
concept ResultHandle = requires(const H& handle) {
  requires std::derived_from<std::remove_cvref_t<decltype(handle.state())>, FutureBase>;
};

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

// As what the elements of a range are taken: moved out of a container that is given up, and copied out of one that
// stays, which only handles can be.
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

}  // namespace asyncio::inline ASYNCIO_ABI::detail
