// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/coro.h>
#include <asyncio/detail/callback.h>
#include <asyncio/detail/invoke.h>

#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI::detail {

// A callable and its arguments as one callback. A coroutine is refused: create_task() runs those.
template <class F, class... Args>
Callback<void()> bind_call(F&& f, Args&&... args) {
  static_assert(!IsCoro<std::remove_cvref_t<F>>, "a callback was expected, and this is a coroutine: use create_task()");
  check_call_later<F, Args...>();
  using Result = CallOnceResult<F, Args...>;
  static_assert(!Awaitable<Result>, "a callback was expected, and this is a coroutine: use create_task()");
  if constexpr (sizeof...(Args) == 0 && !std::is_member_pointer_v<std::decay_t<F>>) {
    return Callback<void()>(std::forward<F>(f));
  } else {
    return [f = std::decay_t<F>(std::forward<F>(f)),
            ... args = std::decay_t<Args>(std::forward<Args>(args))]() mutable { detail::call_once(f, args...); };
  }
}

// The same for what is called again and again: f(args...) with the arguments as lvalues, which stay.
template <class F, class... Args>
Callback<void()> bind_repeated_call(F&& f, Args&&... args) {
  check_calls_later<F, Args...>();
  using Result = std::invoke_result_t<std::decay_t<F>&, std::decay_t<Args>&...>;
  static_assert(!Awaitable<Result>,
                "a callback was expected, and this is a coroutine: let the callback create_task() it");
  return [f = std::decay_t<F>(std::forward<F>(f)), ... args = std::decay_t<Args>(std::forward<Args>(args))]() mutable {
    detail::invoke(f, args...);
  };
}

// What f(args...) gives, called once with arguments of its own; a copy where it gives a reference.
template <class F, class... Args>
using CallResult = std::remove_cvref_t<CallOnceResult<F, Args...>>;

}  // namespace asyncio::inline ASYNCIO_ABI::detail
