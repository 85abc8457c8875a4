// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>
#include <asyncio/detail/awaiter_of.h>

#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

// What can stand behind `co_await` in a Coro: a Coro itself, as an rvalue; a Task or a Future; what the functions of
// the library give to be awaited, such as `queue.get()`; and each awaiter, or type with an operator co_await, of
// another library (foreign.h).
//
//   template <Awaitable A>
//   Coro<AwaitResult<A>> logged(A awaitable) {
//     log("waits");
//     co_return co_await std::move(awaitable);
//   }
//
// A is what is awaited as it is given: `Task<int>&` for a variable, `Task<int>` for a temporary.
template <class A>
concept Awaitable = requires(detail::AwaiterOf<A>& awaiter) {
  awaiter.await_ready();
  awaiter.await_resume();
};

// What `co_await a` gives: for an lvalue of a Task<T> a const T&, for an rvalue T.
template <Awaitable A>
using AwaitResult = decltype(std::declval<detail::AwaiterOf<A>&>().await_resume());

}  // namespace asyncio::inline ASYNCIO_ABI
