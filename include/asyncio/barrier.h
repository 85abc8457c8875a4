// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/lowlevel/wait_queue.h>

#include <exception>

namespace asyncio::inline ASYNCIO_ABI {

// Lets a fixed number of tasks wait for each other.
//
//   Barrier barrier(3);
//
//   Coro<> phase(Part& part) {          // three tasks run this
//     co_await compute(part);
//     int index = co_await barrier.wait();
//     if (index == 0) exchange_edges();  // one of them, when all have computed
//   }
//
// The task that completes the round passes without suspending, and all others of the round wake up, in the order in
// which they came. Who comes after that belongs to the next round, also while those of the last one have not run yet.
// A wait that is cancelled throws CancelledError and leaves the count: the rest wait for a replacement. Once the round
// is complete a cancel lands at the next wait.
// May be made anywhere; used by the tasks of one loop at a time: a task of another loop that would have to wait
// together with them gets RuntimeError. Not thread-safe.
// Python: asyncio.Barrier; `async with barrier as index` is `with(barrier, body)`, whose exit does nothing.
class Barrier {
 public:
  class Wait;

  // Throws ValueError where parties < 1.
  explicit Barrier(int parties);
  Barrier(const Barrier&) = delete;
  Barrier& operator=(const Barrier&) = delete;

  // Waits until as many tasks wait as there are parties; gives each of them its place in the order of arrival, from 0.
  // Throws BrokenBarrierError where the barrier is broken, or is aborted or reset meanwhile.
  Wait wait();

  // Begins anew, also after abort(): those who wait now get BrokenBarrierError, and who comes after that waits.
  void reset();
  // Breaks it: those who wait now, and all who come before the next reset(), get BrokenBarrierError.
  void abort();

  int parties() const { return parties_; }
  int n_waiting() const { return waiting_; }  // never as many as there are parties
  bool broken() const { return broken_; }

  // For with(barrier, body): the body is given the index.
  Wait enter();
  void exit_now(std::exception_ptr) {}

 private:
  void break_round() noexcept;
  void complete_round() noexcept;

  lowlevel::WaitQueue waiters_;
  int waiting_ = 0;  // how many stand in waiters_
  int parties_;
  bool broken_ = false;
};

// Awaiting it waits for the others; no coroutine frame.
class [[nodiscard("nothing is waited for: write co_await")]] Barrier::Wait : public lowlevel::QueuedWaiter {
 public:
  explicit Wait(Barrier& owner) : QueuedWaiter(owner.waiters_, kind), owner_(&owner) {}

  bool await_ready();
  template <class P>
  void await_suspend(std::coroutine_handle<P> self) {
    QueuedWaiter::await_suspend(self);
    ++owner_->waiting_;  // a wait that is refused does not count
  }
  int await_resume();

 private:
  friend class Barrier;
  static const lowlevel::WaitKind kind;
  static void leave(Waiter& waiter) noexcept;

  static constexpr int broken_round = -1;

  Barrier* owner_;
  int index_ = broken_round;
};

inline Barrier::Wait Barrier::wait() { return Wait(*this); }
inline Barrier::Wait Barrier::enter() { return wait(); }

}  // namespace asyncio::inline ASYNCIO_ABI
