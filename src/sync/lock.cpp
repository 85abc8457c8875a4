// SPDX-License-Identifier: MIT
#include <asyncio/lock.h>

namespace asyncio::inline ASYNCIO_ABI {

void Lock::throw_not_locked() { throw RuntimeError("Lock.release: the lock is not locked"); }

}  // namespace asyncio::inline ASYNCIO_ABI
