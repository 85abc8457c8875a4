// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/chrono.h>
#include <asyncio/coro.h>

namespace asyncio::inline ASYNCIO_ABI {

// Does something again and again, at a fixed rate.
//
//   auto reporter = create_task(every(10s, [&] { return report(numbers); }));
//   ...
//   reporter.cancel();                                   // it never ends by itself
//
//   tg.create_task(every(1min, &Cache::drop_old, &cache));   // a plain function will do as well
//
// Calls f(args...) at once, and then at every multiple of `period` from there on: how long f takes, and how late it is
// called, adds up to nothing. What f gives is awaited, and its value dropped. f never runs twice at a time: where it
// takes longer than the period, the times that it has missed are left out, and the next call is at the next one that is
// not over yet. (For a wait of fixed length after each call there is sleep() in a loop.)
//
// It ends by a cancel, which reaches f too if that runs, and by what f throws, which comes out. To go on after an
// error, catch it in f. To begin later, sleep() first.
// Owns f and its arguments, which f gets as lvalues, at each call the same. Throws ValueError in the call for a period
// that is not longer than 0. Python: none in asyncio; tokio's interval() with MissedTickBehavior::Skip.
template <class Rep, class Period, class F, class... Args>
Coro<> every(std::chrono::duration<Rep, Period> period, F&& f, Args&&... args);

}  // namespace asyncio::inline ASYNCIO_ABI

#include <asyncio/detail/every.h>
