// SPDX-License-Identifier: MIT
#include <asyncio/semaphore.h>

namespace asyncio::inline ASYNCIO_ABI {

Semaphore::Semaphore(int permits, int bound) : free_(permits), bound_(bound) {
  if (permits < 0) throw ValueError("Semaphore: the number of permits must not be negative");
}

void Semaphore::throw_too_many() { throw ValueError("Semaphore.release: more permits than there were at the start"); }

}  // namespace asyncio::inline ASYNCIO_ABI
