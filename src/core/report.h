// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/event_loop.h>

#include <exception>
#include <string>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

// Tells the exception handler of the loop, or standard error where there is no loop. Never throws.
void report(LoopCore* loop, ExceptionContext context) noexcept;

// Reports the exception that is being handled, with a message. What ends the program leaves the loop instead.
void report_current(LoopCore* loop, const char* message) noexcept;

void report_never_awaited(const Promise& coroutine) noexcept;

// Calls f() in a context; what it throws is reported.
template <class F>
void run_reporting(LoopCore* loop, Context& context, const char* message, F&& f) noexcept {
  try {
    context.run(std::forward<F>(f));
  } catch (...) {
    report_current(loop, message);
  }
}

// The same in debug mode: reports too if it took longer than the loop's slow_callback_duration.
void run_timed(LoopCore& loop, Callback<void()>& callback, Context& context) noexcept;

// "fetch (shop.cpp:12)"
std::string describe(const std::source_location& place);
// The name alone: "fetch".
std::string function_of(const std::source_location& place);
// "std::runtime_error: no route"
std::string describe(const std::exception_ptr& error);

}  // namespace asyncio::inline ASYNCIO_ABI
