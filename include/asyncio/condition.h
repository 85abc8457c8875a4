// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/invoke.h>
#include <asyncio/detail/passed_on.h>
#include <asyncio/lock.h>

#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

// Lets tasks wait for a change of what a lock protects.
//
//   Condition changed;
//   std::vector<Order> orders;
//
//   Coro<Order> next_order() {
//     auto held = co_await changed.scoped();
//     co_await changed.wait_for([&] { return !orders.empty(); });  // without the lock meanwhile
//     co_return take_first(orders);                                // with it again
//   }
//   Coro<> add(Order order) {
//     auto held = co_await changed.scoped();
//     orders.push_back(order);
//     changed.notify();
//   }
//
// wait(), wait_for() and notify() are called by a task that holds the lock.
// Order: those who wait are notified in the order in which they came, and a notified task stands in the queue of the
// lock from then on, so that they go on one by one as the lock is released.
// wait() may end without a notification that was meant for it: that is why a change is waited for with wait_for(), or
// in a loop.
// A cancel, and a deadline, end the wait with CancelledError, but not before the lock is held again: whatever ends
// wait(), the lock is held then. Taking it again cannot be interrupted. A task that was notified, and then ends its
// wait by a cancel, passes the notification on to another.
// May be made anywhere; used by the tasks of one loop at a time. Not thread-safe.
// Python: asyncio.Condition; `async with cond` is `auto held = co_await cond.scoped()`, or `with(cond, body)`. wait()
// gives nothing instead of True.
class Condition {
 public:
  class Wait;

  // With a lock of its own.
  Condition() noexcept : lock_(&own_lock_) {}
  // With a lock that others, and other conditions, may use as well; it must outlive the condition.
  explicit Condition(Lock& lock) noexcept : lock_(&lock) {}
  Condition(const Condition&) = delete;
  Condition& operator=(const Condition&) = delete;

  // --- the lock: see Lock
  Lock::Acquire acquire() { return lock_->acquire(); }
  Lock::Scoped scoped() { return lock_->scoped(); }
  bool try_acquire() noexcept { return lock_->try_acquire(); }
  void release() { lock_->release(); }
  bool locked() const { return lock_->locked(); }

  // Releases the lock, waits to be notified, and takes the lock again. Throws RuntimeError where the lock is not held.
  Wait wait();

  // Waits until predicate(args...) holds, asking it now and after every notification, with the lock held; gives what it
  // gave last. Does not suspend where it holds at once. It owns the predicate and the arguments.
  template <class F, class... Args>
  auto wait_for(F predicate, Args... args) -> Coro<std::decay_t<std::invoke_result_t<F&, Args&...>>>;

  // Notifies the n tasks that have waited longest, or all where they are fewer. They run when the caller has released
  // the lock. Throws RuntimeError where the lock is not held.
  void notify(int n = 1);
  void notify_all();

  // For with(cond, body).
  Lock::Acquire enter() { return acquire(); }
  void exit_now(std::exception_ptr) { release(); }

 private:
  void notify_first() noexcept;

  lowlevel::WaitQueue waiters_;  // for a notification; they go from here to the queue of the lock
  Lock* lock_;
  Lock own_lock_;
};

// Awaiting it waits for a notification, and for the lock; no coroutine frame.
class [[nodiscard("nothing is waited for: write co_await")]] Condition::Wait : public lowlevel::QueuedWaiter {
 public:
  explicit Wait(Condition& owner) : QueuedWaiter(owner.waiters_, waiting), owner_(&owner) {}

  bool await_ready() const {
    if (!owner_->locked()) [[unlikely]]
      throw_not_locked("Condition.wait");
    return false;
  }
  template <class P>
  void await_suspend(std::coroutine_handle<P> self) {
    // In this order: a wait that is refused leaves the lock where it was.
    QueuedWaiter::await_suspend(self);
    owner_->release();
  }
  void await_resume();

 private:
  friend class Condition;
  static const lowlevel::WaitKind waiting;
  static const lowlevel::WaitKind notified;            // these three wait for the lock: one that was notified,
  static const lowlevel::WaitKind cancelled;           // one whose request to cancel has been put aside,
  static const lowlevel::WaitKind cancelled_by_scope;  // and one that a CancelScope wants to end
  static bool interrupt(Waiter& waiter) noexcept;
  static void remove(Waiter& waiter) noexcept;
  [[noreturn]] static void throw_not_locked(const char* operation);

  Condition* owner_;
  detail::PassedOn passed_;  // what has been put aside
};

inline Condition::Wait Condition::wait() { return Wait(*this); }

template <class F, class... Args>
auto Condition::wait_for(F predicate, Args... args) -> Coro<std::decay_t<std::invoke_result_t<F&, Args&...>>> {
  while (true) {
    auto answer = detail::invoke(predicate, args...);
    if (answer) co_return answer;
    co_await wait();
  }
}

}  // namespace asyncio::inline ASYNCIO_ABI
