// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/awaitable.h>

#include <concepts>

namespace asyncio::inline ASYNCIO_ABI {

// Awaiting what another library has made. Any C++20 awaiter works: with await_suspend() of each of the three shapes, an
// lvalue or a temporary, one that cannot be moved, a type with an operator co_await.
//
//   Coro<std::string> ask() {
//     co_return co_await other_library.fetch("/");     // resumes here, in the task's own loop and thread
//   }
//
// The awaiter does not get the task's coroutine but a *bridge*: a handle that, resumed once, in whatever thread, inside
// or after await_suspend(), sends the task home to the queue of its loop. Destroyed instead of resumed, it has
// RuntimeError thrown at the await. A virtual clock stands still while one is out.
//
// A cancel does not interrupt such a wait, because the other library would resume what is gone: it lands when that has
// resumed it, at the next await of the task. A request that is there before the wait ends it before it begins. For an
// operation that can be told to stop:
//
//   co_await from_foreign(operation, [&] { operation.abort(); });
//
// A Coro cannot be awaited in a coroutine of another library: create_task() it, and tell that coroutine of the end.

namespace detail {

template <class A, class F>
class FromForeign;

}  // namespace detail

// Awaits a foreign awaitable that can be told to stop: a cancel of the waiting task calls on_cancel(), once, in the
// loop's thread and with the task's context, whoever cancels. The operation should then resume its handle soon. If it
// still gives a value, that is what the await gives, and the cancel lands at the next one; if it throws, the await
// throws CancelledError. Where on_cancel() returns true the handle has been forgotten, and will never be resumed:
// CancelledError then comes without waiting for it. What on_cancel() throws is reported to the loop's exception
// handler. An rvalue is moved in, an lvalue is referred to.
template <Awaitable A, std::invocable F>
detail::FromForeign<A, F> from_foreign(A&& awaitable, F on_cancel);

}  // namespace asyncio::inline ASYNCIO_ABI

#include <asyncio/detail/foreign.h>
