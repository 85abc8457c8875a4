// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI::detail {

// What a co_await of an A asks for its readiness, its suspension and its result.
template <class A>
decltype(auto) get_awaiter(A&& awaitable) {
  if constexpr (requires { std::forward<A>(awaitable).operator co_await(); }) {
    return std::forward<A>(awaitable).operator co_await();
  } else if constexpr (requires { operator co_await(std::forward<A>(awaitable)); }) {
    return operator co_await(std::forward<A>(awaitable));
  } else {
    return static_cast<A&&>(awaitable);
  }
}

template <class A>
using AwaiterOf = std::remove_cvref_t<decltype(detail::get_awaiter(std::declval<A>()))>;

}  // namespace asyncio::inline ASYNCIO_ABI::detail
