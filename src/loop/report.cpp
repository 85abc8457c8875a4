// SPDX-License-Identifier: MIT
#include "loop/report.h"

#include "base/exception_abi.h"
#include "base/names.h"
#include "base/traceback.h"
#include "loop/loop_state.h"
#include "loop/task_extra.h"
#include "loop/traceback_recorder.h"

#include <cstdio>
#include <optional>
#include <string>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

namespace {
std::string render(const ExceptionContext& context) {
  std::string text = context.message;
  if (context.exception != nullptr) text += "\n  exception: " + describe(context.exception);
  if (context.task) {
    text += "\n  task: " + context.task.name() + describe_creation(context.task.state().creation(), ", created in ");
    if (const auto traceback = traceback_of(context.task.state())) text += '\n' + format(*traceback, "    ");
  }
  if (!context.extra.empty()) text += "\n" + context.extra;
  return text;
}

// Of the running task. Where its innermost coroutine is can only be told by its last await: "in fetch (after
// shop.cpp:12)".
std::string format_running_stack(const std::string& indent) {
  const Traceback stack = stack_of(*this_thread.task->innermost());
  const Traceback::Entry& running = stack.entries.front();
  return format(stack, indent, running.place.line() == running.definition.line() ? "begins at " : "after ");
}

void print(const ExceptionContext& context) noexcept {
  try {
    std::fprintf(stderr, "asyncio: %s\n", render(context).c_str());
  } catch (...) {
    report_short(context.message.c_str());
  }
}

void print_failed_handler(const std::exception_ptr& error, const ExceptionContext& context) noexcept {
  try {
    print({.message = "Unhandled error in exception handler",
           .exception = error,
           .extra = "  while handling: " + render(context)});
  } catch (...) {
    report_short("Unhandled error in exception handler");
    print(context);
  }
}
}  // namespace

void detail::report(LoopCore* loop, ExceptionContext context) noexcept {
  if (loop != nullptr) {
    EventLoop::of(*loop).call_exception_handler(context);
  } else {
    print(context);
  }
}

void detail::report_short(const char* message) noexcept {
  std::fprintf(stderr, "asyncio: %s (no memory for more)\n", message);
}

void detail::report_current(LoopCore* loop, const char* message, Handle handle) noexcept {
  const std::exception_ptr error = std::current_exception();
  if (loop != nullptr && is_exit(error)) return EventLoop::of(*loop).state().leave_with(error);
  report_made(loop, message, [&](ExceptionContext& context) {
    context.exception = error;
    context.handle = std::move(handle);
  });
}

void detail::report_never_awaited(const Promise& coroutine) noexcept {
  report_made(this_thread.loop, "a coroutine was never awaited", [&](ExceptionContext& context) {
    context.message = "coroutine '" + describe(coroutine.definition()) + "' was never awaited";
    // In the destructors of a task's parameters nothing is left of its coroutines.
    if (this_thread.task != nullptr && this_thread.task->innermost() != nullptr)
      context.extra = format_running_stack("    ");
    if (!context.extra.empty()) context.extra.insert(0, "  dropped by\n");
  });
}

void detail::run_last(LoopCore* loop, BoundCallback<void()>& callback, const char* message, Handle handle) noexcept {
  callback.finish([&](auto& last) {
    try {
      last();
    } catch (...) {
      report_current(loop, message, std::move(handle));
    }
  });
}

void EventLoop::set_exception_handler(ExceptionHandler handler) {
  state_->check_caller("set_exception_handler");
  state_->exception_handler = std::move(handler);
  state_->exception_handler_set = true;
}

void EventLoop::default_exception_handler(const ExceptionContext& context) {
  std::fprintf(stderr, "asyncio: %s\n", render(context).c_str());
}

void EventLoop::call_exception_handler(const ExceptionContext& context) noexcept {
  std::optional<OnBehalfOf> of_task;
  std::optional<Context::Entered> of_callback;
  Context apart;
  if (context.task) {
    of_task.emplace(context.task.state());
  } else if (context.handle) {
    of_callback.emplace(context.handle.state().context());
  } else if (this_thread.task == nullptr && this_thread.context == nullptr) {
    apart = Context::current();
    of_callback.emplace(apart);
  }
  call_exception_handler_here(context);
}

void EventLoop::call_exception_handler_here(const ExceptionContext& context) noexcept {
  State& state = *state_;
  if (!state.exception_handler || state.in_exception_handler) return print(context);
  state.in_exception_handler = true;
  state.exception_handler_set = false;
  ExceptionHandler handler = std::move(state.exception_handler);  // it may set another one while it runs
  try {
    handler(*this, context);
  } catch (...) {
    const std::exception_ptr error = std::current_exception();
    if (is_exit(error)) {
      state.leave_with(error);
    } else {
      print_failed_handler(error, context);
    }
  }
  state.in_exception_handler = false;
  if (!state.exception_handler_set) state.exception_handler = std::move(handler);
}

}  // namespace asyncio::inline ASYNCIO_ABI
