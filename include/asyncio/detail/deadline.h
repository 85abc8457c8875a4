// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/chrono.h>
#include <asyncio/event_loop.h>

#include <utility>

namespace asyncio::inline ASYNCIO_ABI::detail {

// A time at which something is called off: the base of Timeout, CancelScope and as_completed(). When the time has come,
// Owner::deadline_passed() is called in the loop's next turn, and not at once: a callback whose time came before, or
// together with it, may end what is waited for.
// The owner disarms it before it goes. It may outlive its loop: one that is closed has disarmed all its timers.
template <class Owner>
class Deadline : protected lowlevel::Timer {
 protected:
  Deadline() : Timer(&come) {}
  ~Deadline() = default;

  // `when` lies ahead.
  void arm_deadline(EventLoop& loop, TimePoint when) { loop.arm(*this, when); }

  // As if the time had come now.
  void pass_soon(LoopCore& loop) noexcept {
    try {
      HandleState& turn = *new HandleState(loop, [this] { pass(); });
      loop.ready.push(turn);
      turn_ = Handle(turn);
    } catch (...) {
      pass();  // there is no memory to wait with
    }
  }

  // The loop is looked at only while the deadline is armed, and so only while it is there.
  void disarm_deadline(LoopCore* loop) noexcept {
    if (armed()) EventLoop::of(*loop).disarm(*this);
    cancel_turn();
  }
  void cancel_turn() noexcept {
    if (turn_) [[unlikely]]
      std::exchange(turn_, Handle()).state().cancel();
  }

 private:
  static void come(Timer& timer) noexcept { static_cast<Deadline&>(timer).pass_soon(*this_thread.loop); }
  void pass() noexcept { static_cast<Owner&>(*this).deadline_passed(); }

  Handle turn_;  // null before the deadline
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
