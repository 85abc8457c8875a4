// SPDX-License-Identifier: MIT
#include "loop/loop_state.h"

#include "base/fork.h"

#include <chrono>
#include <string>
#include <thread>
#include <utility>

// What others ask of a loop, and have it do, while it runs: apart from the loop itself, which needs them all.

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

bool EventLoop::is_running() const { return state_->running; }
bool EventLoop::is_closed() const { return state_->closed; }
Backend EventLoop::backend() const { return state_->backend->kind(); }

void EventLoop::require_open() const {
  if (state_->closed) throw RuntimeError("the event loop is closed");
  if (state_->forked()) throw_parents_loop();
}

void EventLoop::require_task_starts_here() const {
  state_->check_caller("create_task");
  require_open();
}

void EventLoop::State::leave_with(std::exception_ptr error) noexcept {
  if (exit == nullptr || forked()) exit = std::move(error);
}

void EventLoop::State::check_thread(const char* operation) const {
  if (!running || thread == std::this_thread::get_id()) return;
  throw RuntimeError(
      std::string(operation) +
      " is not thread-safe, and was called from another thread than the loop's: use call_soon_threadsafe");
}

TimePoint EventLoop::time() const { return TimePoint(std::chrono::nanoseconds(state_->now())); }

TimePoint EventLoop::deadline_after(std::chrono::nanoseconds delay) const { return add_saturated(time(), delay); }

void EventLoop::arm(Timer& timer, TimePoint when) { state_->timers.arm(timer, when.time_since_epoch().count()); }
void EventLoop::disarm(Timer& timer) noexcept { state_->timers.disarm(timer); }

}  // namespace asyncio::inline ASYNCIO_ABI
