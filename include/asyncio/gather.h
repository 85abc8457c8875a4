// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

struct ReturnExceptions {};

}  // namespace detail

// Runs several coroutines at the same time, and gives what all of them give.
//
//   auto both = co_await gather(load_user(id), load_orders(id));                // a std::tuple
//
//   std::vector<Coro<Page>> downloads;
//   for (const Url& url : urls) downloads.push_back(download(url));
//   std::vector<Page> pages = co_await gather(std::move(downloads));            // of any range
//
//   for (Outcome<Page>& page : co_await gather(return_exceptions, std::move(downloads))) ...
//
// The values come in the order of the arguments, whichever ends first; nothing (void) is a std::monostate, a reference
// in a range a pointer. Arguments are Coros and other awaitables, which are started as tasks by the call, in order;
// tasks and futures, which run already, and of which an lvalue is copied and stays usable. A task given twice appears
// twice. Errors: the first exception is thrown by the co_await at once. The others are not cancelled and run on; what
// they throw later is dropped. With return_exceptions nothing is thrown: each outcome is a value or an exception, the
// CancelledError of a child that was cancelled included. Where the children should not survive the first error, use
// TaskGroup. Cancel: one of the awaiting task, or cancel(), cancels every child that has not ended, and CancelledError
// is thrown when all have ended (the values are lost then), or with the first that ends with an exception unless
// return_exceptions. A child that somebody else cancels counts as one that fails, with CancelledError.
// What gather() gives is awaited once, and movable until then. Dropped, it lets its children run on by themselves. Once
// awaited or moved from it is done(), and cancel() has no effect.
// Throws ValueError for a task or future of another loop, RuntimeError where no loop runs and for a coroutine that has
// been given away before, or what the move of an argument throws: nothing is started then. Python: asyncio.gather().
template <class... A>
auto gather(A&&... awaitables);

// The first argument of a gather() that throws nothing.
inline constexpr detail::ReturnExceptions return_exceptions{};

template <class... A>
auto gather(detail::ReturnExceptions, A&&... awaitables);

}  // namespace asyncio::inline ASYNCIO_ABI

#include <asyncio/detail/gather.h>
