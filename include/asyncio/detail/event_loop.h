// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/calls.h>
#include <asyncio/detail/loop_core.h>

#include <source_location>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

// What tasks touch of a loop; nobody else's business.
inline LoopCore& core_of(EventLoop& loop) noexcept { return loop; }

}  // namespace detail

template <Awaitable A>
AwaitResult<A> EventLoop::run_until_complete(A&& awaitable) {
  if constexpr (requires { std::forward<A>(awaitable).state().require_done(); }) {  // a Task or a Future
    auto handle = std::forward<A>(awaitable);
    run_until_done(handle.state());
    handle.state().mark_retrieved();
    if constexpr (std::is_lvalue_reference_v<A>) {
      return handle.state().get();
    } else {
      return handle.state().take_or_copy();
    }
  } else {
    auto coro = detail::as_coro(std::forward<A>(awaitable));
    try {
      require_startable();
    } catch (...) {
      coro.close();
      throw;
    }
    auto task = detail::start_task(*this, std::move(coro), {}, std::source_location::current());
    run_until_done(task.state());
    task.state().mark_retrieved();
    return task.state().take_or_copy();
  }
}

}  // namespace asyncio::inline ASYNCIO_ABI
