// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/handle.h>

namespace asyncio::inline ASYNCIO_ABI {

// A time that passes only when nothing else can: a day of sleep() takes no time at all.
//
//   VirtualClock clock;
//   run(async_main(), {.clock = &clock});
//   std::cout << clock.elapsed() << " ns\n";
//
// The loop moves it to its next timer when nothing is ready, no job runs in a thread, and no task waits for the kernel.
// While one of the latter is the case it waits for that in real time, and the clock stands still. For one loop at a time.
class VirtualClock {
 public:
  VirtualClock() = default;
  explicit VirtualClock(TimePoint start) : start_(start), now_(start) {}
  VirtualClock(const VirtualClock&) = delete;
  VirtualClock& operator=(const VirtualClock&) = delete;

  TimePoint now() const { return now_; }
  std::chrono::nanoseconds elapsed() const { return now_ - start_; }

  // Passes time; what becomes due meanwhile runs when the loop next looks. Never goes back.
  void advance_to(TimePoint when) {
    if (when > now_) now_ = when;
  }

 private:
  TimePoint start_{};
  TimePoint now_{};
};

}  // namespace asyncio::inline ASYNCIO_ABI
