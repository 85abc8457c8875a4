// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/bound_callback.h>
#include <asyncio/detail/shared.h>
#include <asyncio/handle.h>

#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

// A time that passes only when nothing else can: a day of sleep() takes no time at all.
//
//   VirtualClock clock;
//   run(async_main(), {.clock = &clock});
//   std::cout << clock.elapsed().count() << " ns\n";
//
// The loop moves it to its next timer when nothing is ready, no job runs in a thread, and no task waits for the kernel.
// While one of the latter is the case it waits for that in real time, and the clock stands still. For one loop at a
// time.
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

  // Has the loop call f() where time can pass no more: no task is ready, no timer is armed, no job runs in a thread,
  // and no descriptor and no signal is waited for. It is a deadlock, unless another thread of the program is about to
  // call the loop, or another process to connect to a server; the loop waits for that then, as it does without f. f may
  // end the wait, by a cancel or by stop(), and may put another in its own place, or none.
  void on_standstill(detail::Callback<void()> f) {
    standstill_ = f ? detail::Ref<Standstill>::adopt(*new Standstill(std::move(f))) : detail::Ref<Standstill>();
  }
  using Standstill = detail::SharedValue<detail::BoundCallback<void()>>;
  detail::Ref<Standstill> standstill() const { return standstill_; }  // for the loop

 private:
  TimePoint start_{};
  TimePoint now_{};
  detail::Ref<Standstill> standstill_;  // null where there is none
};

}  // namespace asyncio::inline ASYNCIO_ABI
