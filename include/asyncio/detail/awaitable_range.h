// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/awaitable.h>

#include <iterator>

namespace asyncio::inline ASYNCIO_ABI::detail {

// What is awaited together, and given as one argument: a vector of Coros, of Tasks, a view.
template <class R>
concept AwaitableRange = !Awaitable<R> && requires(R& range) {
  std::begin(range);
  std::end(range);
};

// Whether what is given is one range, and not one awaitable after the other.
template <class... A>
inline constexpr bool is_range = sizeof...(A) == 1 && (AwaitableRange<A> && ...);

}  // namespace asyncio::inline ASYNCIO_ABI::detail
