// SPDX-License-Identifier: MIT
#include <asyncio/coro.h>

namespace asyncio::inline ASYNCIO_ABI {

constinit thread_local ThisThread this_thread [[gnu::tls_model("initial-exec")]];

}  // namespace asyncio::inline ASYNCIO_ABI
