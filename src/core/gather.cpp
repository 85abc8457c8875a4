// SPDX-License-Identifier: MIT
#include <asyncio/gather.h>

#include "base/fork.h"
#include "core/cancels.h"

#include <utility>

// Theory of operation. Each child has a hook among its joiners, and the hooks count down. The state belongs to the Gather,
// up to the moment in which the first exception is delivered: children that are left run on, and what they fail with is
// nobody's business. Their hooks stay to say so, and the last of them deletes the state.

namespace asyncio::inline ASYNCIO_ABI {

void require_own_loop(const FutureBase& state, const char* what) {
  if (this_thread.loop == nullptr) throw_parents_loop();
  if (state.loop() != this_thread.loop) throw ValueError(std::string(what) + ": this belongs to another event loop");
}

void GatherState::ended_badly(Hook& hook) noexcept {
  FutureBase& child = hook.subject();
  if (abandoned_) {
    child.mark_retrieved();
    if (pending_ == 0) delete this;
    return;
  }
  if (!return_exceptions_ && first_failed_ == nullptr) first_failed_ = &child;
  if (done()) wake();
}

bool GatherState::cancel(std::string_view message, bool by_scope) noexcept {
  if (done()) return false;
  if (by_scope) {
    if (std::exchange(scope_cancelled_, true)) return true;  // a scope may ask again: the children have heard it
  } else {
    cancelled_ = true;
    try {
      message_ = message;
    } catch (...) {
      message_.clear();
    }
  }
  // A future ends inside of this call, and with the last of them all do.
  Cancels::Batch together(*hooks().front().subject().loop());
  for (Hook& hook : hooks()) hook.subject().cancel(message);
  return true;
}

void GatherState::require_values(TaskBase* task) {
  if (first_failed_ != nullptr) {
    abandoned_ = true;
    if (scope_cancelled_ && first_failed_->cancelled()) task->throw_interrupt();
    first_failed_->retrieve();
    std::rethrow_exception(first_failed_->outcome_exception());
  }
  if (cancelled_) throw cancelled_error(message_);
  if (scope_cancelled_) task->throw_interrupt();
}

void GatherState::drop() noexcept {
  if (abandoned_) abandon_children();
  if (pending_ == 0 || !abandoned_) delete this;
}

void GatherState::abandon_children() noexcept {
  for (Hook& hook : hooks()) {
    FutureBase& child = hook.subject();
    if (child.done()) {
      child.mark_retrieved();
      hook.let_go();
    } else if (child.as_task() == nullptr) {
      // Nobody may ever end a future: with the reference of its hook the two would keep each other alive.
      hook.let_go();
      --pending_;
    }
  }
}

const WaitKind GatherBase::kind{
    .reason = "gather",
    .remove = [](Waiter& waiter) noexcept { static_cast<GatherBase&>(waiter).state_->waiter = nullptr; },
    .interrupt =
        [](Waiter& waiter) noexcept {
          GatherBase& gather = static_cast<GatherBase&>(waiter);
          const bool requested = gather.task_->take_cancel_request();
          gather.state_->cancel(requested ? gather.task_->cancel_message() : std::string_view(), !requested);
          return false;
        },
};

bool GatherBase::cancel(std::string_view message) const {
  if (!state_->hooks().empty()) require_own_thread(state_->hooks().front().subject().loop(), "Gather.cancel");
  return state_->cancel(message, false);
}

void GatherBase::throw_awaited() { throw RuntimeError("gather: its result can be awaited only once"); }

}  // namespace asyncio::inline ASYNCIO_ABI
