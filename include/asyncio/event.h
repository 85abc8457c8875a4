// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/lowlevel/wait_queue.h>

namespace asyncio::inline ASYNCIO_ABI {

// Tells any number of tasks that something has happened.
//
//   Event ready;
//
//   Coro<> serve() {
//     co_await ready.wait();  // at once, if it has happened already
//     ...
//   }
//
//   ready.set();              // a plain call, from a callback as well
//
// It stays set until clear(). Tasks that wait wake up in the order in which they came; all who wait at the moment of
// set() do, also where clear() follows at once.
// A wait that is cancelled throws CancelledError, also where the event was set a moment ago and the task had not run
// since: nothing is lost by that.
// May be made anywhere; used by the tasks of one loop at a time: a task of another loop that would have to wait
// together with them gets RuntimeError. Not thread-safe: from another thread, loop.call_soon_threadsafe([&] {
// ready.set(); }).
// Python: asyncio.Event; wait() gives nothing instead of True.
class Event {
 public:
  class Wait;

  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  // Waits until it is set. Does not suspend where it is.
  Wait wait();

  // Lets all who wait go on, and all who come later pass. Twice is once.
  void set() {
    waiters_.check_thread("Event.set");
    set_ = true;
    waiters_.wake_all();
  }

  // Lets those wait who come from now on.
  void clear() noexcept { set_ = false; }

  bool is_set() const { return set_; }

 private:
  lowlevel::WaitQueue waiters_;
  bool set_ = false;
};

// Awaiting it waits for the event; no coroutine frame, and no suspension where it is set.
class [[nodiscard("nothing is waited for: write co_await")]] Event::Wait : public lowlevel::QueuedWaiter {
 public:
  static constexpr lowlevel::WaitKind kind = lowlevel::WaitQueue::kind("Event.wait");

  explicit Wait(Event& owner) : QueuedWaiter(owner.waiters_, kind), owner_(&owner) {}
  bool await_ready() const { return owner_->set_; }
  void await_resume() {
    if (task() != nullptr) check_all();
  }

 private:
  Event* owner_;
};

inline Event::Wait Event::wait() { return Wait(*this); }

}  // namespace asyncio::inline ASYNCIO_ABI
