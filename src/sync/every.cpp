// SPDX-License-Identifier: MIT
#include <asyncio/every.h>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

Ticks::Ticks(std::chrono::nanoseconds period) : period_(period) {
  if (period.count() <= 0) {
    throw ValueError("every: the period must be longer than 0, not " + std::to_string(period.count()) + " ns");
  }
}

void Ticks::begin() { due_ = get_running_loop().time(); }

std::chrono::nanoseconds Ticks::until_next() {
  const EventLoop& loop = get_running_loop();
  const std::chrono::nanoseconds late = loop.time() - due_;
  // The first multiple after the last call that is not over; one that is just now is not.
  const std::chrono::nanoseconds over = late % period_;
  const std::chrono::nanoseconds wait = late < period_ ? period_ - late : over.count() == 0 ? over : period_ - over;
  due_ = loop.deadline_after(wait);
  return wait;
}

}  // namespace asyncio::inline ASYNCIO_ABI
