// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/timer_node.h>

namespace asyncio::inline ASYNCIO_ABI::lowlevel {

// Something that a loop does at a time: the base of what sleeps, of timer handles and of timeouts. It is no allocation,
// and no task: the loop calls fire() of what was armed.
//
//   class Alarm : lowlevel::Timer {
//    public:
//     Alarm() : Timer(&ring) {}
//     ~Alarm() { get_running_loop().disarm(*this); }
//     void set(std::chrono::nanoseconds delay) {
//       EventLoop& loop = get_running_loop();
//       loop.disarm(*this);
//       loop.arm(*this, loop.deadline_after(delay));
//     }
//    private:
//     static void ring(Timer& timer) noexcept { static_cast<Alarm&>(timer).rings_ = true; }
//     bool rings_ = false;
//   };
//
// fire() runs in the thread of the loop, as a step of it and outside of any task. It may arm the timer again, and
// destroy it. Who owns a timer disarms it before it goes; a loop that is closed has disarmed all of its own.
class Timer : public detail::TimerNode {
 public:
  using Fire = void (*)(Timer&) noexcept;
  explicit Timer(Fire on_fire) : fire_(on_fire) {}

  // For the loop: the time has come. The timer is not armed any more.
  void fire() noexcept { fire_(*this); }
  // What kind of timer it is.
  bool is_fired_by(Fire on_fire) const noexcept { return fire_ == on_fire; }

 protected:
  ~Timer() = default;

 private:
  Fire fire_;
};

}  // namespace asyncio::inline ASYNCIO_ABI::lowlevel
