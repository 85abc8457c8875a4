// SPDX-License-Identifier: MIT
#include <asyncio/condition.h>

// Theory of operation. A wait is one suspension: it begins in the queue of the condition and ends in that of the lock,
// and notify() or a cancel moves it over. A task that has been moved wakes up when the lock is handed to it, as any
// task that acquires the lock does; there it cannot be interrupted, because it must not end without the lock.
//
// A request to cancel that arrives before the notification is taken from the task and put back when it wakes up, so
// that another one that comes meanwhile is counted, and its message, if it has one, is the one that is thrown.

namespace asyncio::inline ASYNCIO_ABI {

using namespace lowlevel;

const WaitKind Condition::Wait::waiting{"Condition.wait", &remove, &interrupt};
const WaitKind Condition::Wait::notified =
    WaitQueue::uncancellable_kind("Condition.wait: notified, waits for the lock");
const WaitKind Condition::Wait::cancelled =
    WaitQueue::uncancellable_kind("Condition.wait: cancelled, waits for the lock");
const WaitKind Condition::Wait::cancelled_by_scope =
    WaitQueue::uncancellable_kind("Condition.wait: cancelled by its scope, waits for the lock");

void Condition::Wait::remove(Waiter& waiter) noexcept { static_cast<Wait&>(waiter).unlink(); }

bool Condition::Wait::interrupt(Waiter& waiter) noexcept {
  Wait& self = static_cast<Wait&>(waiter);
  if (self.alone()) return true;  // the condition has been destroyed, and perhaps its lock
  Lock& lock = *self.owner_->lock_;
  if (lock.try_acquire()) return true;
  self.passed_.take(*self.task());
  self.kind_ = self.passed_.requested() ? &cancelled : &cancelled_by_scope;
  lock.waiters_.transfer(self);
  return false;
}

void Condition::Wait::await_resume() {
  if (kind_ == &cancelled && (!task()->has_cancel_request() || task()->cancel_message().empty()))
    passed_.restore(*task());
  if (kind_ != &notified) return check_all();
  try {
    check_all();
  } catch (...) {
    owner_->notify_first();
    throw;
  }
}

void Condition::Wait::throw_not_locked(const char* operation) {
  throw RuntimeError(std::string(operation) + ": the lock is not held");
}

void Condition::notify_first() noexcept {
  if (waiters_.empty()) return;
  Wait& first = static_cast<Wait&>(waiters_.front());
  first.kind_ = &Wait::notified;
  lock_->waiters_.transfer(first);
}

void Condition::notify(int n) {
  if (!locked()) Wait::throw_not_locked("Condition.notify");
  waiters_.check_thread("Condition.notify");
  for (; n > 0 && !waiters_.empty(); --n) notify_first();
}

void Condition::notify_all() {
  if (!locked()) Wait::throw_not_locked("Condition.notify_all");
  waiters_.check_thread("Condition.notify_all");
  while (!waiters_.empty()) notify_first();
}

}  // namespace asyncio::inline ASYNCIO_ABI
