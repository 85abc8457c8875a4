// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/event_loop.h>

#include <utility>

namespace asyncio::inline ASYNCIO_ABI::detail {

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
    detail::report_short(message);
  }
}

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
    detail::report_current(loop, message, std::move(handle));
  }
}

// The same for a callback that is called for the last time, and destroyed.
void run_last(LoopCore* loop, BoundCallback<void()>& callback, const char* message, Handle handle = {}) noexcept;

}  // namespace asyncio::inline ASYNCIO_ABI::detail
