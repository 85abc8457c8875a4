// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <atomic>

namespace asyncio::inline ASYNCIO_ABI::detail {

// A mutex for what takes some nanoseconds: it costs one locked instruction, where std::mutex needs two, and a system
// call for each meeting of two threads. Who finds it taken looks again and again for some microseconds; the holder may
// have lost its processor then, perhaps to this very thread, which therefore sleeps for a moment.
class BriefLock {
 public:
  BriefLock() = default;
  BriefLock(const BriefLock&) = delete;
  BriefLock& operator=(const BriefLock&) = delete;

  void lock() noexcept {
    if (taken_.exchange(true, std::memory_order_acquire)) [[unlikely]]
      lock_slowly();
  }
  void unlock() noexcept { taken_.store(false, std::memory_order_release); }

 private:
  void lock_slowly() noexcept;

  std::atomic<bool> taken_ = false;
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
