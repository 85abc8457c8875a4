// SPDX-License-Identifier: MIT
#include <asyncio/lowlevel/recent_time.h>

#include "loop/loop_state.h"

namespace asyncio::inline ASYNCIO_ABI::lowlevel {

using namespace detail;

TimePoint recent_time() {
  const EventLoop::State& state = EventLoop::of(running_loop("recent_time")).state();
  const bool polled = state.clock == nullptr && state.polled_at != 0;  // not yet, in the first turn of a loop
  return TimePoint(std::chrono::nanoseconds(polled ? state.polled_at : state.now()));
}

}  // namespace asyncio::inline ASYNCIO_ABI::lowlevel
