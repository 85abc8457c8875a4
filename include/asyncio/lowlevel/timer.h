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
//     ~Alarm() { stop(); }
//     void set(std::chrono::nanoseconds delay) {
//       stop();
//       loop_ = &get_running_loop();
//       loop_->arm(*this, loop_->deadline_after(delay));
//     }
//     void stop() noexcept {
//       if (armed()) loop_->disarm(*this);     // by no loop that has gone: none leaves a timer armed
//     }
//    private:
//     static void ring(Timer& timer) noexcept { static_cast<Alarm&>(timer).rings_ = true; }
//     EventLoop* loop_ = nullptr;
//     bool rings_ = false;
//   };
//
// fire() runs in the thread of the loop, as a step of it and outside of any task: a ContextVar has there what it has in
// the thread outside of the loop. It may arm the timer again, and
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
