// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/lowlevel/held.h>
#include <asyncio/lowlevel/wait_queue.h>

#include <exception>

namespace asyncio::inline ASYNCIO_ABI {

// Lets one task at a time do something that takes more than one step.
//
//   Lock lock;
//
//   Coro<> append(File& file, std::string line) {
//     auto held = co_await lock.scoped();  // waits until nobody else writes
//     co_await file.write(line);
//     co_await file.flush();
//   }                                      // the next task may write
//
// Between two awaits a task is alone on its loop anyway: what is done in one step needs no lock.
// Order: waiting tasks get it in the order in which they came. It passes from hand to hand: release() gives it to the
// first that waits, so that locked() stays true, and nobody who comes later can be faster.
// A lock belongs to no task: any may release it, and a task that acquires it twice waits for itself.
// A wait that is cancelled throws CancelledError and takes nothing; the others keep their places. A task that has been
// given the lock has it, and a cancel after that lands at its next wait.
// May be made anywhere; used by the tasks of one loop at a time: a task of another loop that would have to wait
// together with them gets RuntimeError. Not thread-safe. It must outlive those who hold it.
// Python: asyncio.Lock; `async with lock` is `auto held = co_await lock.scoped()`, or `with(lock, body)`.
class Lock {
 public:
  class Acquire;
  using Held = lowlevel::Held<Lock>;  // the guard: gives back in its destructor
  using Scoped = lowlevel::ScopedAcquire<Lock, Acquire>;

  Lock() = default;
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  // Takes the lock, and waits until it is free. Does not suspend where it is free.
  Acquire acquire();

  // The same, and gives a Held: its destructor releases the lock.
  Scoped scoped();

  // Takes the lock if it is free; never waits.
  bool try_acquire() noexcept {
    if (locked_) return false;
    return locked_ = true;
  }

  // Gives the lock to the first task that waits; without one it is free. Throws RuntimeError where it is free already.
  void release() {
    if (!locked_) [[unlikely]]
      throw_not_locked();
    waiters_.check_thread("Lock.release");
    give_back();
  }

  bool locked() const { return locked_; }

  // For with(lock, body).
  Acquire enter();
  void exit_now(std::exception_ptr) { release(); }

 private:
  friend class Condition;
  friend Held;
  void give_back() noexcept {
    // The waiter wakes up as the holder: were the lock free meanwhile, a task that came later could take it.
    if (!waiters_.wake_one()) locked_ = false;
  }
  [[noreturn]] static void throw_not_locked();

  lowlevel::WaitQueue waiters_;  // empty while the lock is free
  bool locked_ = false;
};

// Awaiting it takes the lock; no coroutine frame, and no suspension where the lock is free.
class [[nodiscard("nothing is waited for: write co_await")]] Lock::Acquire : public lowlevel::QueuedWaiter {
 public:
  static constexpr lowlevel::WaitKind kind = lowlevel::WaitQueue::kind("Lock.acquire");

  explicit Acquire(Lock& owner) : QueuedWaiter(owner.waiters_, kind), owner_(&owner) {}
  bool await_ready() { return owner_->try_acquire(); }

 protected:
  Lock& owner() const { return *owner_; }

 private:
  Lock* owner_;
};

inline Lock::Acquire Lock::acquire() { return Acquire(*this); }
inline Lock::Acquire Lock::enter() { return acquire(); }
inline Lock::Scoped Lock::scoped() { return Scoped(*this); }

}  // namespace asyncio::inline ASYNCIO_ABI
