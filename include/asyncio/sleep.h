// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/chrono.h>
#include <asyncio/config.h>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

class Sleep;
class UntilIdle;

}  // namespace detail

// Waits for at least `duration` on the loop's clock; lets every task that is ready run first where that is 0 or less.
// A cancel ends it with CancelledError. NaN throws ValueError, what is too long for the clock is as long as it can be.
template <class Rep, class Period>
detail::Sleep sleep(std::chrono::duration<Rep, Period> duration);

// Waits until no task and no callback is ready: all that could happen without the passing of time, or somebody outside,
// has happened. For tests, and for work that may wait. A cancel ends it with CancelledError.
detail::UntilIdle until_idle();

}  // namespace asyncio::inline ASYNCIO_ABI

#include <asyncio/detail/sleep.h>
