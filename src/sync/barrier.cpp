// SPDX-License-Identifier: MIT
#include <asyncio/barrier.h>

#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

using namespace lowlevel;

const WaitKind Barrier::Wait::kind{"Barrier.wait", &leave};

Barrier::Barrier(int parties) : parties_(parties) {
  if (parties < 1) throw ValueError("Barrier: there must be at least one party, not " + std::to_string(parties));
}

bool Barrier::Wait::await_ready() {
  if (owner_->broken_) throw BrokenBarrierError("Barrier.wait: the barrier is broken");
  if (owner_->waiting_ + 1 < owner_->parties_) return false;
  owner_->waiters_.check_thread("Barrier.wait");
  index_ = owner_->waiting_;
  owner_->complete_round();
  return true;
}

int Barrier::Wait::await_resume() {
  check();
  if (index_ == broken_round) throw BrokenBarrierError("Barrier.wait: the barrier was aborted or reset");
  return index_;
}

void Barrier::Wait::leave(Waiter& waiter) noexcept {
  Wait& self = static_cast<Wait&>(waiter);
  if (self.alone()) return;  // the barrier has been destroyed
  self.unlink();
  --self.owner_->waiting_;
}

void Barrier::complete_round() noexcept {
  // The places are given out only now: a task that was cancelled meanwhile left no gap.
  for (int index = 0; !waiters_.empty(); ++index) {
    static_cast<Wait&>(waiters_.front()).index_ = index;
    waiters_.wake_one();
  }
  waiting_ = 0;
}

void Barrier::break_round() noexcept {
  waiters_.wake_all();
  waiting_ = 0;
}

void Barrier::reset() {
  waiters_.check_thread("Barrier.reset");
  break_round();
  broken_ = false;
}

void Barrier::abort() {
  waiters_.check_thread("Barrier.abort");
  broken_ = true;
  break_round();
}

}  // namespace asyncio::inline ASYNCIO_ABI
