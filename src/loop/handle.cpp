// SPDX-License-Identifier: MIT
#include <asyncio/handle.h>

#include <asyncio/error.h>
#include <asyncio/event_loop.h>

#include "loop/loop_state.h"
#include "loop/report.h"

#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

void HandleState::run() noexcept {
  if (!cancelled_) run_last(loop_, callback_, "Exception in a callback", Handle(*this));
  release();
}

void HandleState::cancel() noexcept {
  cancelled_ = true;
  callback_.reset();
}

void Handle::cancel() const {
  require_own_thread(state().loop(), "Handle.cancel");
  state().cancel();
}

TimerHandleState::TimerHandleState(LoopCore& loop, Callback<void()>&& callback)
    : HandleState(loop, std::move(callback)), Timer(&queue) {}

void TimerHandleState::queue(Timer& timer) noexcept {
  TimerHandleState& state = static_cast<TimerHandleState&>(timer);
  state.loop_->ready.push(state);
}

void TimerHandleState::cancel() noexcept {
  const bool loops_own = armed();
  if (loops_own) EventLoop::of(*loop_).disarm(*this);
  HandleState::cancel();  // what the callable holds may cancel it once more, and have the last handle
  if (loops_own) release();
}

Handle EventLoop::soon(Callback<void()>&& callback) {
  state_->check_caller("call_soon");
  require_open();
  auto* state = new HandleState(*this, std::move(callback));
  ready.push(*state);
  return Handle(*state);
}

TimerHandle EventLoop::at(TimePoint when, Callback<void()>&& callback) {
  state_->check_caller("call_at");
  require_open();
  auto* state = new TimerHandleState(*this, std::move(callback));
  state->set_when(when);
  // What is due already runs after what was queued before it, and not before that.
  if (when <= time()) {
    ready.push(*state);
  } else {
    arm(*state, when);
  }
  return TimerHandle(*state);
}

ThreadsafeHandle EventLoop::soon_threadsafe(Callback<void()>&& callback) {
  return state_->inbox->send(std::move(callback));
}

}  // namespace asyncio::inline ASYNCIO_ABI
