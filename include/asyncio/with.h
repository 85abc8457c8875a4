// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

namespace asyncio::inline ASYNCIO_ABI {

// Blocks with a beginning and an end that wait: what `async with x as y:` is in Python.
//
//   co_await with(timeout(2s), [&]() -> Coro<> {
//     co_await send(request);
//     reply = co_await receive();
//   });
//
//   auto rows = co_await with(pool.transaction(), [&](Transaction& transaction) -> Coro<Rows> {
//     co_return co_await transaction.query("select ...");
//   });
//
// with(x, body) enters x, runs the body, and leaves x, whatever the body ended with: a value, an exception, a cancel.
// It gives what the body gives. Where x may suppress an exception of the body it gives a std::optional of that, which
// is empty where it did, and for a body without a value a bool that is false where it did.
// x is moved into the block, or used where it is if it is an lvalue: `with(t, body)`, and then `t.expired()`. The body
// is a coroutine function, or a plain one that returns nothing: a group that only starts tasks, say, needs no `->
// Coro<>` and no `co_return;`. It takes what enter() gave, or x itself by reference, or nothing. with() owns it until
// it ends. Nothing happens before the co_await.
//
// What can stand as x: a class with the members
//
//   Coro<Y> enter();                             // Coro<> and Coro<Y&> too. Where it throws, the block is not entered.
//   Coro<bool> exit(std::exception_ptr error);   // `error` is what left the body, or null; true suppresses it
//
// where exit may be a Coro<>, which never suppresses, and each may be another awaitable than a Coro. If exit throws,
// that exception leaves the block instead of the body's.
// A cancel does not interrupt an exit: exit() runs to its end, in a task of its own which has the context of the
// caller, and the caller waits for it uncancellably; what was requested meanwhile lands at the caller's next wait. An
// exit that may take long should therefore bound itself with a timeout. An x that wants to see such a cancel has the
// member `static constexpr bool exits_in_place = true`, and its exit() is awaited as any other coroutine (TaskGroup).
//
// An x whose beginning or end waits for nothing has plain functions instead, which cost neither frame nor task:
//
//   Y enter_now();                               // void and Y& too
//   bool exit_now(std::exception_ptr error);     // or void
//
// Where the end waits for nothing, consider a guard: a class with a destructor needs no with().
// Lifetime: where the loop is closed in the middle of a block, no exit runs; x and what enter() gave are destroyed.
template <class X, class F>
auto with(X&& x, F&& body);

}  // namespace asyncio::inline ASYNCIO_ABI

#include <asyncio/detail/with.h>
