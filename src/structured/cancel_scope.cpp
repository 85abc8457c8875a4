// SPDX-License-Identifier: MIT
#include <asyncio/cancel_scope.h>

#include "base/timed_out.h"
#include "loop/task_extra.h"

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

void CancelScope::cancel() {
  if (active()) require_own_thread(task_->loop(), "CancelScope.cancel");
  if (link_.cancelled || (entered_ && !active())) return;
  link_.cancelled = true;
  if (!task_) return;
  unschedule();
  task_->look_at_scopes();
}

void CancelScope::deadline_passed() noexcept {
  const Waiter* waiter = task_->waiter();
  waited_in_ = waiter != nullptr ? waiter->kind().reason : "";
  cancel();
}

bool CancelScope::cancel_called() const {
  return link_.cancelled || (active() && deadline_ && *deadline_ <= EventLoop::of(*task_->loop()).time());
}

void CancelScope::set_deadline(std::optional<TimePoint> deadline) {
  if (active()) require_own_thread(task_->loop(), "CancelScope.set_deadline");
  deadline_ = deadline;
  limit_ = {};
  if (!active()) return;
  unschedule();
  schedule();
}

void CancelScope::set_shield(bool shield) {
  if (active()) require_own_thread(task_->loop(), "CancelScope.set_shield");
  link_.shield = shield;
  if (active()) task_->look_at_scopes();
}

void CancelScope::schedule() {
  if (link_.cancelled || !deadline_) return;
  EventLoop& loop = EventLoop::of(*task_->loop());
  if (*deadline_ <= loop.time()) {
    deadline_passed();
  } else {
    arm_deadline(loop, *deadline_);
  }
}

void CancelScope::unschedule() noexcept { disarm_deadline(task_->loop()); }

void CancelScope::enter_now() {
  if (entered_) throw RuntimeError("a CancelScope can be entered only once");
  if (this_thread.task == nullptr) throw RuntimeError("a CancelScope must be entered in a task");
  TaskBase& task = *this_thread.task;
  link_.enter(task);
  entered_ = true;
  task_ = Ref<TaskBase>(task);
  schedule();
  task.look_at_scopes();
}

bool CancelScope::exit_now(const std::exception_ptr& error) {
  if (!task_) throw RuntimeError("a CancelScope cannot be left: no task is in it");
  if (task_.get() != this_thread.task) {
    const std::string owner = task_->loop() == this_thread.loop ? describe(*task_) : describe_stranger(*task_);
    throw RuntimeError("a CancelScope must be left by " + owner + ", which has entered it");
  }
  leave();
  if (error == nullptr) return false;
  try {
    std::rethrow_exception(error);
  } catch (const CancelledError& cancelled) {
    caught_ = cancelled.source() == this;
  } catch (...) {
  }
  return caught_;
}

void CancelScope::leave() noexcept {
  unschedule();
  // Not always in time: the task may have ended, and the loop be gone.
  const Ref<TaskBase> task = std::move(task_);
  link_.leave(*task);
  if (!task->done()) task->look_at_scopes();
}

CancelScope move_on_after(TimeLimit timeout, const ScopeOptions& options) {
  return move_on_at(timeout.deadline(EventLoop::of(running_loop("move_on_after")).time()), options);
}

CancelScope move_on_at(std::optional<TimePoint> when, const ScopeOptions& options) {
  return CancelScope({.deadline = when, .shield = options.shield});
}

FailScope fail_after(TimeLimit timeout, const ScopeOptions& options) {
  const TimePoint now = EventLoop::of(running_loop("fail_after")).time();
  return FailScope({.deadline = timeout.deadline(now), .shield = options.shield}, timeout);
}

FailScope fail_at(std::optional<TimePoint> when, const ScopeOptions& options) {
  return FailScope({.deadline = when, .shield = options.shield});
}

void FailScope::exit_now(const std::exception_ptr& error) {
  if (!CancelScope::exit_now(error)) return;
  if (waited_in_ == nullptr) throw TimeoutError("the block was given up before its deadline");
  throw timed_out(limit_.for_ever() ? std::nullopt : std::optional(limit_.nanoseconds()), waited_in_);
}

}  // namespace asyncio::inline ASYNCIO_ABI
