// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

namespace asyncio::inline ASYNCIO_ABI::lowlevel {

// Base of the awaiters that know how a task of this library waits: of each Waiter (waiter.h), and of those that await
// one on behalf of their user (owned_awaitable.h). Everything else that can be awaited is foreign, and gets a handle
// which brings the coroutine home to its own loop (foreign.h).
struct NativeAwaiter {};

}  // namespace asyncio::inline ASYNCIO_ABI::lowlevel
