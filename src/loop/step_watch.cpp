// SPDX-License-Identifier: MIT
#include "loop/step_watch.h"

#include "base/number_text.h"
#include "loop/loop_state.h"

#include <chrono>
#include <string>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

StepWatch::StepWatch(LoopCore& loop) noexcept
    : loop_(EventLoop::of(loop)), begin_(loop_.state().now()), outside_(std::exchange(loop_.state().watched, 0)) {}

bool StepWatch::was_slow() noexcept {
  const std::int64_t all = loop_.state().now() - begin_;
  took_ = all - std::exchange(loop_.state().watched, outside_ + all);
  return loop_.get_debug() && took_ >= loop_.slow_callback_duration.count();
}

std::string StepWatch::took() const {
  const double seconds = std::chrono::duration<double>(std::chrono::nanoseconds(took_)).count();
  return " took " + number_text(seconds, std::chars_format::fixed) + " seconds";
}

}  // namespace asyncio::inline ASYNCIO_ABI
