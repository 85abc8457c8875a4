// SPDX-License-Identifier: MIT
#include <asyncio/timeout.h>

#include "base/timed_out.h"
#include "loop/loop_state.h"

#include <utility>

// Theory of operation. A deadline that passes makes one request to cancel the task; leaving the block takes that
// request back, once. What remains to be decided at the end of the block is whose cancel it was that left it, or that
// is still to come. A task counts requests and delivers them together, so that the counts must tell:
// - Requests of others are those above the count at entry. One that was pending then counts as made in the block, since
//   it surfaces there.
// - What has not been delivered is withdrawn where it can be nobody's but this block's: there are no requests of
//   others, or
//   none was on its way when the deadline passed and none has come since.

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

namespace {
bool is_request_of_cancel(const std::exception_ptr& error) {
  if (error == nullptr) return false;
  try {
    std::rethrow_exception(error);
  } catch (const CancelledError& cancelled) {
    return cancelled.source() == nullptr;  // else it belongs to a CancelScope
  } catch (...) {
    return false;
  }
}
}  // namespace

Timeout timeout(TimeLimit timeout) {
  return Timeout(timeout.deadline(EventLoop::of(running_loop("timeout")).time()), timeout);
}

Timeout timeout_at(std::optional<TimePoint> when) { return Timeout(when); }

void Timeout::enter_now() {
  begin();
  schedule();
}

void Timeout::enter_for_limit() {
  begin();
  if (limit_.for_ever()) return;
  EventLoop& loop = EventLoop::of(*task_->loop());
  when_ = loop.deadline_after(limit_.nanoseconds());
  loop.state().timers.arm(*this, when_.time_since_epoch().count());
}

void Timeout::enter_expired() {
  begin();
  state_ = State::expiring;
}

void Timeout::begin() {
  if (state_ != State::made) throw RuntimeError("a Timeout is for one block, and this one has been entered");
  if (this_thread.task == nullptr) throw RuntimeError("a Timeout must be entered in a task");
  task_ = Ref<TaskBase>(*this_thread.task);
  cancels_at_entry_ = task_->cancelling() - (task_->has_cancel_request() ? 1 : 0);
  state_ = State::running;
}

void Timeout::reschedule(std::optional<TimePoint> when) {
  switch (state_) {
    case State::made:
      throw RuntimeError("Timeout.reschedule: the block has not been entered");
    case State::running:
      if (!task_->done()) {
        require_own_thread(task_->loop(), "Timeout.reschedule");
        break;
      }
      [[fallthrough]];
    case State::finished:
      throw RuntimeError("Timeout.reschedule: the block has ended");
    case State::expiring:
    case State::expired:
      throw RuntimeError("Timeout.reschedule: the deadline has passed");
  }
  unschedule();
  limit_ = {};
  when_ = when.value_or(TimePoint::max());
  schedule();
}

void Timeout::schedule() {
  if (when_ == TimePoint::max()) return;
  EventLoop& loop = EventLoop::of(*task_->loop());
  if (when_ <= loop.time()) {
    pass_soon(core_of(loop));
  } else {
    arm_deadline(loop, when_);
  }
}

void Timeout::unschedule() noexcept {
  if (armed()) EventLoop::of(*task_->loop()).state().timers.disarm(*this);
  cancel_turn();
}

void Timeout::deadline_passed() noexcept {
  if (task_->done()) return;  // without having left the block
  state_ = State::expiring;
  requested_ = true;
  other_pending_ = task_->request_under_way();
  cancels_at_expiry_ = task_->cancelling();
  if (const Waiter* waiter = task_->waiter()) waited_in_ = waiter->kind().reason;
  task_->cancel({});
}

void Timeout::leave() noexcept {
  unschedule();
  task_.reset();
  state_ = State::finished;
}

void Timeout::leave_expired(const std::exception_ptr& error) {
  if (state_ != State::expiring) return;
  state_ = State::expired;
  const int requests = requested_ ? task_->uncancel() : task_->cancelling();
  const bool others = requests > cancels_at_entry_;
  if (requested_ && (!others || (!other_pending_ && requests <= cancels_at_expiry_))) task_->take_cancel_request();
  if (!others && is_request_of_cancel(error))
    throw timed_out(limit_.for_ever() ? std::nullopt : std::optional(limit_.nanoseconds()), waited_in_);
}

void Timeout::throw_out_of_time() { throw timed_out(std::chrono::nanoseconds::zero(), nullptr); }

}  // namespace asyncio::inline ASYNCIO_ABI
