// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/lowlevel/held.h>
#include <asyncio/lowlevel/wait_queue.h>

#include <exception>
#include <limits>

namespace asyncio::inline ASYNCIO_ABI {

// Limits how many tasks do something at the same time.
//
//   Semaphore slots(10);
//
//   Coro<Page> fetch(Url url) {
//     auto held = co_await slots.scoped();  // waits for a free slot
//     co_return co_await download(url);
//   }                                       // the slot is free again
//
// Order: waiting tasks are served in the order in which they came. A permit passes from hand to hand: release() gives
// it to the first that waits, so that it never becomes visible to somebody who comes later.
// Any task may release, also one that has not acquired: that is how a permit is added. CapacityLimiter is the one that
// knows who holds what, and BoundedSemaphore the one that notices a release too many.
// A wait that is cancelled throws CancelledError and takes nothing; the others keep their places. A task that has been
// given a permit has it, and a cancel after that lands at its next wait.
// May be made anywhere; used by the tasks of one loop at a time: a task of another loop that would have to wait
// together with them gets RuntimeError. Not thread-safe. It must outlive those who hold its permits.
// Python: asyncio.Semaphore; `async with sem` is `auto held = co_await sem.scoped()`, or `with(sem, body)`.
class Semaphore {
 public:
  class Acquire;
  using Held = lowlevel::Held<Semaphore>;  // the guard: gives back in its destructor
  using Scoped = lowlevel::ScopedAcquire<Semaphore, Acquire>;

  // Throws ValueError where permits < 0.
  explicit Semaphore(int permits = 1) : Semaphore(permits, (std::numeric_limits<int>::max)()) {}
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;

  // Takes a permit, and waits for one where none is free. Does not suspend where one is.
  Acquire acquire();

  // The same, and gives a Held: its destructor gives the permit back.
  Scoped scoped();

  // Takes a permit if one is free; never waits.
  bool try_acquire() noexcept {
    if (free_ == 0) return false;
    --free_;
    return true;
  }

  // Gives a permit to the first task that waits; without one it is free. Throws ValueError, and changes nothing, where
  // that would be more than a BoundedSemaphore began with.
  void release() {
    if (free_ == bound_) [[unlikely]]
      throw_too_many();
    waiters_.check_thread("Semaphore.release");
    give_back();
  }

  // Whether acquire() would wait.
  bool locked() const { return free_ == 0; }

  // For with(sem, body).
  Acquire enter();
  void exit_now(std::exception_ptr) { release(); }

 protected:
  Semaphore(int permits, int bound);

 private:
  friend Held;
  void give_back() noexcept {
    // The waiter wakes up owning the permit: if it went back into free_ first, a task that came later could take it.
    // A guard gives back in its destructor, where nobody can be told of a permit too many.
    if (!waiters_.wake_one() && free_ != bound_) ++free_;
  }
  [[noreturn]] void throw_too_many() const;

  lowlevel::WaitQueue waiters_;
  int free_;  // positive only while nobody waits
  int bound_;
};

// A Semaphore that refuses to have more permits than it began with: release() throws ValueError then, which shows a
// release() without an acquire(). Python: asyncio.BoundedSemaphore.
class BoundedSemaphore : public Semaphore {
 public:
  // Throws ValueError where permits < 0.
  explicit BoundedSemaphore(int permits = 1) : Semaphore(permits, permits) {}
};

// Awaiting it takes a permit; no coroutine frame, and no suspension where a permit is free.
class [[nodiscard("nothing is waited for: write co_await")]] Semaphore::Acquire : public lowlevel::QueuedWaiter {
 public:
  static constexpr lowlevel::WaitKind kind = lowlevel::WaitQueue::kind("Semaphore.acquire");

  explicit Acquire(Semaphore& owner) : QueuedWaiter(owner.waiters_, kind), owner_(&owner) {}
  bool await_ready() { return owner_->try_acquire(); }

 protected:
  Semaphore& owner() const { return *owner_; }

 private:
  Semaphore* owner_;
};

inline Semaphore::Acquire Semaphore::acquire() { return Acquire(*this); }
inline Semaphore::Acquire Semaphore::enter() { return acquire(); }
inline Semaphore::Scoped Semaphore::scoped() { return Scoped(*this); }

}  // namespace asyncio::inline ASYNCIO_ABI
