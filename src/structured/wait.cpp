// SPDX-License-Identifier: MIT
#include <asyncio/wait.h>

#include "base/timed_out.h"

#include <algorithm>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

void detail::drop_repeated(std::vector<FutureBase*>& states) {
  std::vector<FutureBase*> sorted = states;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end()) return;
  // The first of each stays: what has been seen is marked in the sorted list.
  std::vector<bool> seen(sorted.size());
  const auto repeated = [&](FutureBase* state) {
    const auto place = std::lower_bound(sorted.begin(), sorted.end(), state) - sorted.begin();
    if (seen[static_cast<std::size_t>(place)]) return true;
    seen[static_cast<std::size_t>(place)] = true;
    return false;
  };
  states.erase(std::remove_if(states.begin(), states.end(), repeated), states.end());
}

const WaitKind EndsWait::kind{
    .reason = "wait",
    .remove = [](Waiter& waiter) noexcept { static_cast<EndsWait&>(waiter).disarm(); },
};

EndsWait::EndsWait(std::size_t count, const WaitOptions& options)
    : Waiter(kind),
      Timer([](Timer& timer) noexcept { static_cast<EndsWait&>(timer).wake_up(); }),
      limit_(options.timeout),
      return_when_(options.return_when) {
  hooks_.reserve(count);
}

bool EndsWait::await_ready() {
  bool ready = false;
  for (EndHook<EndsWait>& hook : hooks_) {
    if (hook.arm(*this)) {
      ++pending_;
    } else if (enough_with(hook.subject())) {
      ready = true;
    }
  }
  if (!ready && pending_ > 0) return false;
  disarm();
  return true;
}

void EndsWait::start() {
  if (limit_.for_ever() || limit_.none_left()) return;
  EventLoop& loop = EventLoop::of(*this_thread.task->loop());  // even in the child of a fork(), where none runs
  loop.arm(*this, loop.deadline_after(limit_.nanoseconds()));
}

void EndsWait::ended(EndHook<EndsWait>& hook) noexcept {
  --pending_;
  if (pending_ == 0 || enough_with(hook.subject())) wake_up();
}

void EndsWait::wake_up() noexcept {
  disarm();
  wake();
}

void EndsWait::disarm() noexcept {
  for (EndHook<EndsWait>& hook : hooks_) hook.disarm();
  if (armed()) EventLoop::of(*task()->loop()).disarm(*this);
}

const WaitKind EndOrder::Next::kind = WaitQueue::kind("as_completed");

EndOrder::EndOrder(std::size_t count, TimeLimit timeout) : loop_(&running_loop("as_completed")), limit_(timeout) {
  hooks_.reserve(count);
  order_.reserve(count);  // ended() must not fail
}

EndOrder::~EndOrder() { disarm_deadline(loop_); }

void EndOrder::start() {
  for (EndHook<EndOrder>& hook : hooks_) {
    if (hook.arm(*this)) {
      ++pending_;
    } else {
      order_.push_back(static_cast<std::size_t>(&hook - hooks_.data()));
    }
  }
  if (limit_.for_ever() || pending_ == 0) return;
  EventLoop& loop = EventLoop::of(*loop_);
  if (limit_.none_left()) {
    pass_soon(core_of(loop));
  } else {
    arm_deadline(loop, loop.deadline_after(limit_.nanoseconds()));
  }
}

void EndOrder::ended(EndHook<EndOrder>& hook) noexcept {
  const auto place = static_cast<std::size_t>(&hook - hooks_.data());
  if (waiters_.empty()) {
    order_.push_back(place);
  } else {
    static_cast<Next&>(waiters_.front()).place_ = place;
    waiters_.wake_one();
  }
  if (--pending_ > 0) return;
  disarm_deadline(loop_);
  waiters_.wake_all();  // there is nothing left for them
}

bool EndOrder::take(Next& next) {
  if (taken_ < order_.size()) {
    next.place_ = order_[taken_++];
    return true;
  }
  if (missed_ > 0) {
    --missed_;
    next.late_ = true;
    return true;
  }
  return pending_ == 0;
}

void EndOrder::deadline_passed() noexcept {
  for (EndHook<EndOrder>& hook : hooks_) hook.disarm();
  missed_ = std::exchange(pending_, 0);
  while (missed_ > 0 && !waiters_.empty()) {
    --missed_;
    static_cast<Next&>(waiters_.front()).late_ = true;
    waiters_.wake_one();
  }
  waiters_.wake_all();
}

std::optional<std::size_t> EndOrder::Next::await_resume() {
  check();
  if (late_) throw timed_out(owner_->limit_.nanoseconds(), kind.reason);
  return place_;
}

}  // namespace asyncio::inline ASYNCIO_ABI
