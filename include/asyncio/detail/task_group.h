// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/invoke.h>
#include <asyncio/detail/started.h>

#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

template <class V, class F, class... Args>
Coro<V> TaskGroup::start_owned(F f, Args... args) {
  detail::StartOf<V> start;
  start_task(start, run_started<V, F, Args...>(start, std::move(f), std::move(args)...));
  co_await start;
  co_return start.take();
}

template <class V, class F, class... Args>
constexpr void TaskGroup::check_start() {
  using Function = std::decay_t<F>;
  using Start = Started<V>&;
  constexpr bool moves = std::is_invocable_v<Function&, Start, std::decay_t<Args>...>;
  constexpr bool callable = moves || std::is_invocable_v<Function&, Start, std::decay_t<Args>&...>;
  static_assert(callable, "start: the callable does not take a Started<V>& and these arguments");
  static_assert(!callable || Awaitable<typename detail::CallOnce<Function, Start, std::decay_t<Args>...>::type>,
                "start: the callable must be a coroutine: let it return asyncio::Coro, and end with co_return;");
  static_assert(
      !callable || moves || std::is_invocable_v<Function&, Start, detail::Unchanged<Args>...>,
      "start: the callable takes an argument by reference, and would work on a copy: pass std::ref(argument)");
}

template <class V, class F, class... Args>
Coro<> TaskGroup::run_started(detail::StartOf<V>& start, F f, Args... args) {
  Started<V> started(start);
  if constexpr (std::is_invocable_v<F&, Started<V>&, Args...>) {
    co_await detail::invoke(f, started, std::move(args)...);
  } else {
    co_await detail::invoke(f, started, args...);
  }
}

}  // namespace asyncio::inline ASYNCIO_ABI
