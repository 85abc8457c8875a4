// SPDX-License-Identifier: MIT
#include <asyncio/semaphore.h>

namespace asyncio::inline ASYNCIO_ABI {

Semaphore::Semaphore(int permits, int bound) : free_(permits), bound_(bound) {
  if (permits < 0)
    throw ValueError("Semaphore: the number of permits must not be negative, and is " + std::to_string(permits));
}

void Semaphore::throw_too_many() const {
  throw ValueError("Semaphore.release: more permits than the " + std::to_string(bound_) +
                   " that there were at the start; somebody releases what he has not acquired");
}

}  // namespace asyncio::inline ASYNCIO_ABI
