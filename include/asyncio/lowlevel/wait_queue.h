// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/error.h>
#include <asyncio/lowlevel/waiter.h>

#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

namespace lowlevel {

class QueuedWaiter;

// Tasks that wait for the same thing, in the order in which they came: all that a primitive needs to let tasks wait.
// examples/own_primitive.cpp is one, from end to end.
//
//   class Gate {
//    public:
//     class Pass : public lowlevel::QueuedWaiter {
//      public:
//       static constexpr lowlevel::WaitKind kind = lowlevel::WaitQueue::kind("Gate.pass");  // what the inspector shows
//       explicit Pass(Gate& gate) : QueuedWaiter(gate.waiters_, kind), gate_(gate) {}
//       bool await_ready() { return gate_.open_; }                          // the fast path: no suspension
//      private:
//       Gate& gate_;
//     };
//     Pass pass() { return Pass(*this); }                                   // co_await gate.pass();
//     void open() {
//       waiters_.check_thread("Gate.open");
//       open_ = true;
//       waiters_.wake_all();
//     }
//    private:
//     bool open_ = false;
//     lowlevel::WaitQueue waiters_;
//   };
//
// A woken task owns what it was woken for: give it away before, or with, the wake, so that nobody can come in between.
// A cancel of a waiting task takes it out of the queue, and co_await throws CancelledError; the others keep their
// places. A cancel that comes after the wake lands at the task's next wait, so that what it was given is not lost.
// It belongs to a loop only while somebody waits: a task of another loop then gets RuntimeError. It is to be used by
// the thread of that loop. Tasks that still wait when it is destroyed can only be cancelled from then on: what stands
// in the main coroutine of a program goes before the tasks that run() cancels.
class WaitQueue {
 public:
  WaitQueue() = default;
  ~WaitQueue() {
    if (!empty()) [[unlikely]]
      leave_waiters_alone();
  }

  // The kind of a wait, with the name that the inspector shows.
  static constexpr WaitKind kind(const char* reason) { return {.reason = reason, .remove = &remove}; }
  // The same for a wait that a cancel must not end: it stays, and the cancel lands at the task's next wait.
  static constexpr WaitKind uncancellable_kind(const char* reason) {
    return {.reason = reason, .remove = &remove, .interrupt = nullptr};
  }

  bool empty() const { return waiters_.alone(); }

  // The one that has waited longest; only where it is not empty.
  QueuedWaiter& front();
  const QueuedWaiter& front() const;

  // Lets the one that has waited longest go on. False where nobody waits.
  bool wake_one() noexcept;
  // Lets all that wait now go on, in their order. Gives how many there were.
  int wake_all() noexcept;

  // Whoever wakes tasks begins with it: in debug mode, throws RuntimeError, which names the operation, where the loop
  // of those that wait runs in another thread.
  void check_thread(const char* operation) const;

  // Has a task that waits in another queue of the same loop wait in this one from now on, behind all others.
  void transfer(QueuedWaiter& waiter) noexcept;

 private:
  friend class QueuedWaiter;
  void refuse_other_thread(const char* operation) const;
  void leave_waiters_alone() noexcept;
  static void remove(Waiter& waiter) noexcept;
  void push(QueuedWaiter& waiter);

  detail::Link waiters_;
};

// Awaiting it waits in a queue. Derive from it, and add await_ready(), and await_resume() where there is a result.
class QueuedWaiter : public LinkedWaiter {
 public:
  QueuedWaiter(WaitQueue& queue, const WaitKind& kind) : LinkedWaiter(kind), queue_(&queue) {}
  QueuedWaiter(QueuedWaiter&& other) noexcept : LinkedWaiter(std::move(other)), queue_(other.queue_) {}

  bool await_ready() const { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> self) {
    queue_->push(*this);
    park(self);
  }
  void await_resume() { check(); }

 private:
  WaitQueue* queue_;
};

}  // namespace lowlevel

namespace detail {

[[noreturn]] void throw_two_loops(const char* reason);

}  // namespace detail

namespace lowlevel {

inline void WaitQueue::remove(Waiter& waiter) noexcept { static_cast<QueuedWaiter&>(waiter).unlink(); }

inline void WaitQueue::transfer(QueuedWaiter& waiter) noexcept {
  waiter.unlink();
  waiters_.push_back(waiter);
}

inline QueuedWaiter& WaitQueue::front() { return static_cast<QueuedWaiter&>(*waiters_.next); }
inline const QueuedWaiter& WaitQueue::front() const { return static_cast<const QueuedWaiter&>(*waiters_.next); }

inline void WaitQueue::push(QueuedWaiter& waiter) {
  if (!empty() && front().task()->loop() != detail::this_thread.loop) [[unlikely]]
    detail::throw_two_loops(waiter.kind().reason);
  waiters_.push_back(waiter);
}

inline void WaitQueue::check_thread(const char* operation) const {
  if (!empty() && front().task()->loop()->debug) [[unlikely]]
    refuse_other_thread(operation);
}

inline bool WaitQueue::wake_one() noexcept {
  if (empty()) return false;
  QueuedWaiter& first = front();
  first.unlink();
  first.wake();
  return true;
}

}  // namespace lowlevel

}  // namespace asyncio::inline ASYNCIO_ABI
