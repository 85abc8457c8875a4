// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/event_loop.h>

#include <cstdint>
#include <exception>
#include <source_location>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

// Tells the exception handler of the loop, or standard error where there is no loop. Never throws.
void report(LoopCore* loop, ExceptionContext context) noexcept;

// For want of memory: the text alone, on standard error.
void report_short(const char* message) noexcept;

// report() of what fill(context) says of it, which may need more memory than there is: the message alone is told then.
template <class F>
void report_made(LoopCore* loop, const char* message, F&& fill) noexcept {
  try {
    ExceptionContext context;
    context.message = message;
    fill(context);
    report(loop, std::move(context));
  } catch (...) {
    report_short(message);
  }
}
// Whether it holds exactly that type: told by the type alone, where throwing it to find out would take a microsecond.
bool is_a(const std::exception_ptr& error, const std::type_info& type) noexcept;
// Whether it is a SystemExit or a KeyboardInterrupt, which end the program.
bool is_exit(const std::exception_ptr& error) noexcept;

// Reports the exception that is being handled, with a message. What ends the program leaves the loop instead.
void report_current(LoopCore* loop, const char* message, Handle handle = {}) noexcept;

void report_never_awaited(const Promise& coroutine) noexcept;

// Calls f() in a context; what it throws is reported, in the same context.
template <class F>
void run_reporting(LoopCore* loop, Context& context, const char* message, F&& f, Handle handle = {}) noexcept {
  Context::Entered entered(context);
  try {
    f();
  } catch (...) {
    report_current(loop, message, std::move(handle));
  }
}

// The same for a callback that is called for the last time, and destroyed.
void run_last(LoopCore* loop, BoundCallback<void()>& callback, const char* message, Handle handle = {}) noexcept;

// "fetch (shop.cpp:12)"
std::string describe(const std::source_location& place);
// The same for the place where a task was started, behind `prefix`; "" where the library started it.
std::string describe_creation(const std::source_location& place, const char* prefix = "");
// The name alone: "fetch".
std::string function_of(const std::source_location& place);
// Whether it is one of ours: with() and its like run as coroutines too, which tells a user nothing.
bool is_of_library(std::string_view function);
// "parse(Url)::{lambda()#1}"
std::string describe(const std::type_info& type);
// "std::runtime_error: no route"
std::string describe(const std::exception_ptr& error);

// Measures in debug mode how long user code runs that the loop, or something inside of its steps, has called. Where one is
// within another (a task that starts eagerly, or that goes on inside of the transport which has read for it), each is
// measured without the inner one: what is slow is reported once.
class StepWatch {
 public:
  explicit StepWatch(LoopCore& loop) noexcept;
  StepWatch(const StepWatch&) = delete;

  // Once, at its end: whether it took longer than the loop's slow_callback_duration.
  bool was_slow() noexcept;
  // Reports it; fill(context) says what it was in the context's message.
  template <class F>
  void report(F&& fill) noexcept {
    report_made(&loop_, "something took long", [&](ExceptionContext& context) {
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
  run_reporting(&loop, callback.context(), message, callback);
  if (!step.was_slow()) return;
  step.report([&](ExceptionContext& context) { context.message = "callback " + describe(callback.type()); });
}
inline void run_last_timed(LoopCore& loop, BoundCallback<void()>& callback, const char* message) noexcept {
  if (!loop.debug) [[likely]]
    return run_last(&loop, callback, message);
  StepWatch step(loop);
  const std::type_info& type = callback.type();
  run_last(&loop, callback, message);
  if (!step.was_slow()) return;
  step.report([&](ExceptionContext& context) { context.message = "callback " + describe(type); });
}

}  // namespace asyncio::inline ASYNCIO_ABI
