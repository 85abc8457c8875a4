// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/coro.h>
#include <asyncio/detail/invoke.h>

#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI::detail {

// Runs an awaitable as a coroutine of its own.
template <class A>
Coro<AwaitResult<A>> as_coro(A awaitable) {
  co_return co_await std::move(awaitable);
}

template <class T>
Coro<T> as_coro(Coro<T> coro) {
  return coro;
}

// What a coroutine gives that a callable has returned.
template <class Returned>
struct ValueOfCall {
  static_assert(Awaitable<Returned>,
                "the callable must be a coroutine: let it return asyncio::Coro, and end with co_return;");
  using type = void;
};

template <Awaitable Returned>
struct ValueOfCall<Returned> {
  using type = AwaitResult<Returned>;
};

// Calls f(args...) and awaits what it gives, owning all of them meanwhile.
template <class F, class... Args>
auto call_owned(F f, Args... args) -> Coro<typename ValueOfCall<CallOnceResult<F, Args...>>::type> {
  co_return co_await detail::call_once(f, args...);
}

template <class F, class... Args>
auto own_call(F&& f, Args&&... args) {
  check_call_later<F, Args...>();
  return detail::call_owned(std::decay_t<F>(std::forward<F>(f)), std::decay_t<Args>(std::forward<Args>(args))...);
}

}  // namespace asyncio::inline ASYNCIO_ABI::detail
