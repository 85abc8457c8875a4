// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/time_limit.h>

namespace asyncio::inline ASYNCIO_ABI::lowlevel {

// The time of the running loop's clock as it was when the loop looked last, which costs a load, where EventLoop::time()
// asks the system (20 ns and more). For what notes the time of everything that happens: when a connection was used
// last, how old an entry of a cache is.
//
// It is late by the time that the steps since then have taken: half a millisecond at most where all are short, and as
// long as the longest of them else. Within one step it stands still, and it never goes back. Where the clock of the
// loop is a virtual one it is exact. Throws RuntimeError where no loop runs. libuv: uv_now().
TimePoint recent_time();

}  // namespace asyncio::inline ASYNCIO_ABI::lowlevel
