// SPDX-License-Identifier: MIT
#include "base/brief_lock.h"

#include <time.h>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

namespace {
void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}
}  // namespace

void BriefLock::lock_slowly() noexcept {
  constexpr int looks = 200;
  constexpr timespec moment{.tv_sec = 0, .tv_nsec = 50'000};
  while (true) {
    for (int i = 0; i < looks; ++i) {
      if (!taken_.load(std::memory_order_relaxed) && !taken_.exchange(true, std::memory_order_acquire)) return;
      pause();
    }
    ::nanosleep(&moment, nullptr);
  }
}

}  // namespace asyncio::inline ASYNCIO_ABI
