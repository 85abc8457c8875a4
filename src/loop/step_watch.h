// SPDX-License-Identifier: MIT
#pragma once

#include "base/names.h"
#include "loop/report.h"

#include <cstdint>
#include <string>
#include <typeinfo>

namespace asyncio::inline ASYNCIO_ABI::detail {

// Measures in debug mode how long user code runs that the loop, or something inside of its steps, has called. Where one
// is within another (a task that starts eagerly, or that goes on inside of the transport which has read for it), each
// is measured without the inner one: what is slow is reported once.
class StepWatch {
 public:
  explicit StepWatch(LoopCore& loop) noexcept;
  StepWatch(const StepWatch&) = delete;

  // Once, at its end: whether it took longer than the loop's slow_callback_duration.
  bool was_slow() noexcept;
  // Reports it; fill(context) says what it was in the context's message.
  template <class F>
  void report(F&& fill) noexcept {
    detail::report_made(&core_of(loop_), "something took long", [&](ExceptionContext& context) {
      fill(context);
      context.message += took();
    });
  }

 private:
  std::string took() const;

  EventLoop& loop_;
  std::int64_t begin_;
  std::int64_t outside_;  // of the steps inside of the outer one, before this
  std::int64_t took_ = 0;
};

// As run_reporting() and run_last(), for a callback that is no step of the loop: in debug mode it is reported too if it
// took long.
inline void run_timed(LoopCore& loop, BoundCallback<void()>& callback, const char* message) noexcept {
  if (!loop.debug) [[likely]]
    return run_reporting(&loop, callback.context(), message, callback);
  StepWatch step(loop);
  detail::run_reporting(&loop, callback.context(), message, callback);
  if (!step.was_slow()) return;
  step.report([&](ExceptionContext& context) { context.message = "callback " + describe(callback.type()); });
}
inline void run_last_timed(LoopCore& loop, BoundCallback<void()>& callback, const char* message) noexcept {
  if (!loop.debug) [[likely]]
    return run_last(&loop, callback, message);
  StepWatch step(loop);
  const std::type_info& type = callback.type();
  detail::run_last(&loop, callback, message);
  if (!step.was_slow()) return;
  step.report([&](ExceptionContext& context) { context.message = "callback " + describe(type); });
}

}  // namespace asyncio::inline ASYNCIO_ABI::detail
