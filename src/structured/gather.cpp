// SPDX-License-Identifier: MIT
#include <asyncio/gather.h>

#include "base/fork.h"
#include "loop/cancels.h"
#include "loop/loop_registry.h"
#include "loop/task_extra.h"

#include <optional>
#include <utility>

// Theory of operation. Each child has a hook among its joiners, and the hooks count down. The state belongs to the
// Gather, up to the moment in which the first exception is delivered: children that are left run on, and what they fail
// with is nobody's business. Their hooks stay to say so, and the last of them lets go of the state. A cancel keeps it
// as well: it runs code of users, who may drop the Gather in that.

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

void detail::require_own_loop(const FutureBase& state, const char* what) {
  if (this_thread.loop == nullptr) throw_parents_loop();
  if (state.loop() != this_thread.loop)
    throw ValueError(std::string(what) + ": " + describe_stranger(state) + " belongs to another event loop");
}

void GatherState::ended_badly(Hook& hook) noexcept {
  FutureBase& child = hook.subject();
  if (abandoned_) {
    child.mark_retrieved();
    if (pending_ == 0) release();
    return;
  }
  if (!return_exceptions_ && first_failed_ == nullptr) first_failed_ = &child;
  if (done()) wake();
}

bool GatherState::cancel(std::string_view message) noexcept {
  if (done()) return false;
  cancelled_ = true;
  try {
    if (!message.empty()) message_ = message;
  } catch (...) {
    message_.clear();
  }
  cancel_children(message);
  return true;
}

void GatherState::pass_on(TaskBase& task) noexcept {
  if (done()) return;
  const bool told_by_scope = passed_.by_scope();
  const bool requested = task.has_cancel_request();
  const std::string message = passed_.take(task);
  if (!requested && told_by_scope) return;  // a scope may ask again: the children have heard it
  cancel_children(message);
}

void GatherState::cancel_children(std::string_view message) noexcept {
  const Ref<GatherState> keep(*this);
  // A future ends inside of this call, and with the last of them all do.
  std::optional<Cancels::Batch> together;
  LoopCore* const loop = hooks().front().subject().loop();
  if (is_alive(loop)) together.emplace(*loop);  // a future may have outlived its own
  for (Hook& hook : hooks()) hook.subject().cancel(message);
}

void GatherState::require_values(TaskBase* task) {
  if (first_failed_ != nullptr) {
    abandoned_ = true;
    if (passed_.by_scope() && first_failed_->cancelled()) task->throw_interrupt();
    first_failed_->retrieve();
    std::rethrow_exception(first_failed_->outcome_exception());
  }
  if (passed_.requested()) throw cancelled_error(passed_.message());
  if (cancelled_) throw cancelled_error(message_);
  if (passed_.any()) passed_.raise(*task);
}

void GatherState::drop() noexcept {
  if (abandoned_) abandon_children();
  if (pending_ == 0 || !abandoned_) release();
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
          gather.state_->pass_on(*gather.task_);
          return false;
        },
    .passed_on =
        [](const Waiter& waiter) noexcept {
          return static_cast<const GatherBase&>(waiter).state_->passed_on_request();
        },
};

bool GatherBase::cancel(std::string_view message) const {
  if (state_ == nullptr || state_->done()) return false;
  if (!state_->hooks().empty()) require_own_thread(state_->hooks().front().subject().loop(), "Gather.cancel");
  return state_->cancel(message);
}

void GatherBase::throw_awaited() { throw RuntimeError("gather: its result can be awaited only once"); }

}  // namespace asyncio::inline ASYNCIO_ABI
