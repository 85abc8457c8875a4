// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

namespace asyncio::inline ASYNCIO_ABI {

// Awaits something that is to go on even if the awaiting task is cancelled: a commit, an answer that others wait for
// too.
//
//   co_await shield(save(order));                // a cancel lands here, and the order is saved all the same
//
//   Task<> saving = create_task(save(order));
//   std::exception_ptr cancel;                   // because a handler cannot co_await
//   try {
//     co_await shield(saving);
//   } catch (const CancelledError&) { cancel = std::current_exception(); }
//   co_await saving;                             // to wait for the end of it
//   if (cancel != nullptr) std::rethrow_exception(cancel);
//
// A task or future is awaited without a cancel being passed on to it; a coroutine, or another awaitable, is started as
// a task by the call. A cancel of the caller throws CancelledError at once. If that task is cancelled by somebody else
// its CancelledError comes out, as its value or exception would. What fails after nobody waits any more is reported to
// the loop's exception handler, once, unless its exception is looked at.
// No shield from the end of the loop: run() cancels every task that is left. Python: asyncio.shield().
template <class A>
auto shield(A&& awaitable);

}  // namespace asyncio::inline ASYNCIO_ABI

#include <asyncio/detail/shield.h>
