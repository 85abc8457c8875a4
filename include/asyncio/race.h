// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <cstddef>

namespace asyncio::inline ASYNCIO_ABI {

// Runs all of them at the same time. The first that ends decides, whatever it ends with, and the rest is cancelled:
//
//   co_await race(read_requests(reader), send_events(writer));           // the session is over when one half is
//
//   auto answer = co_await race(ask(question), sleep(2s));
//   if (answer.index() == 1) ...                                         // two seconds have passed
//
// The result is a std::variant with an alternative for each argument, in their order (std::monostate for one without a
// value); index() says who was first. If the first ends with an exception race() throws that, and CancelledError where
// somebody has cancelled it. The others are cancelled, and race() is over when all of them have ended, so that nothing
// of it goes on behind the caller's back. What they give or throw meanwhile is dropped: also an item that one of them
// was handed by a queue at that moment. Where nothing may get lost let task.ended() take part, and keep the task; or
// use wait_for(), which prefers a value to the end of the time (docs/recipes.md, "One of several things").
// Where the caller is cancelled all of them are, and CancelledError comes when they have ended. Where the race was
// decided before, or one of them answers the cancel with a value or another exception, that is what comes out, and the
// cancel lands at the caller's next wait.
// Each argument is an awaitable of its own; nothing starts before the co_await. A Task that takes part and is not the
// first is cancelled too. A Coro that has been awaited or given away throws RuntimeError in the call.
// Of a range of any number, `race(std::move(coros))`, the result says who was first, and with what: it is a
// Winner{index, value}. Throws ValueError where there are none.
// Python has none: asyncio.wait(FIRST_COMPLETED), and cleaning up; JavaScript: Promise.race.
template <class... A>
auto race(A&&... awaitables);

// What a race of awaitables of one type gives.
template <class T>
struct Winner {
  std::size_t index;  // in the vector
  T value;            // std::monostate where the awaitables give nothing
};

// As race(), but an error does not decide: the first value does.
//
//   auto page = co_await first_success(download(mirror), download(another_mirror));
//
// Those that fail, or are cancelled by somebody, drop out. If all of them fail it throws ExceptionGroup("none of the
// entrants succeeded") with the errors in the order of the arguments, and CancelledError if all were cancelled.
// JavaScript: Promise.any.
template <class... A>
auto first_success(A&&... awaitables);

}  // namespace asyncio::inline ASYNCIO_ABI

#include <asyncio/detail/race.h>
