// SPDX-License-Identifier: MIT
#include <asyncio/coro.h>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

constinit thread_local ThisThread detail::this_thread [[gnu::tls_model("initial-exec")]];

}  // namespace asyncio::inline ASYNCIO_ABI
