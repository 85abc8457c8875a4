// SPDX-License-Identifier: MIT
#include "core/report.h"

#include "core/loop_state.h"
#include "core/traceback.h"

#include <cxxabi.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <typeinfo>

namespace asyncio::inline ASYNCIO_ABI {

namespace {
std::string demangle(const char* name) {
  int status = 0;
  std::unique_ptr<char, void (*)(void*)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status), std::free);
  std::string result = text != nullptr ? text.get() : name;
  // The inline namespace is the library's own affair.
#define ASYNCIO_QUOTE(name) ASYNCIO_QUOTE_EXPANDED(name)
#define ASYNCIO_QUOTE_EXPANDED(name) #name
  const std::string_view abi = ASYNCIO_QUOTE(ASYNCIO_ABI) "::";
  for (std::size_t at; (at = result.find(abi)) != std::string::npos;) result.erase(at, abi.size());
  return result;
}

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
}

bool is_exit(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const SystemExit&) {
    return true;
  } catch (const KeyboardInterrupt&) {
    return true;
  } catch (...) {
    return false;
  }
}

std::string render(const ExceptionContext& context) {
  std::string text = context.message;
  if (context.exception != nullptr) text += "\n  exception: " + describe(context.exception);
  if (context.task) {
    text += "\n  task: " + context.task.name() + ", created in " + describe(context.task.state()->creation());
    if (const auto traceback = traceback_of(*context.task.state())) text += '\n' + format(*traceback, "    ");
  }
  if (!context.extra.empty()) text += "\n" + context.extra;
  return text;
}
}  // namespace

std::string describe(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return demangle(typeid(e).name()) + ": " + e.what();
  } catch (const CancelledError& e) {
    return std::string("asyncio::CancelledError") + (*e.message() != '\0' ? ": " : "") + e.message();
  } catch (...) {
    const std::type_info* type = abi::__cxa_current_exception_type();
    return type != nullptr ? demangle(type->name()) : "an exception";
  }
}

std::string function_of(const std::source_location& place) {
  // clang: "Coro<int> shop::fetch(Url)", "auto shop::fetch(Url)::(anonymous class)::operator()(int) const [T = int]";
  // g++: "asyncio::Coro<int> shop::fetch(Url)", "shop::fetch(Url)::<lambda(int)>". Neither the result nor the parameters
  // say more than the name does.
  std::string name = place.function_name();
  replace_all(name, "(anonymous namespace)::", "");
  replace_all(name, "{anonymous}::", "");
  replace_all(name, "(anonymous class)::operator()", "<lambda>");
  replace_all(name, "<lambda(", "<lambda>(");
  replace_all(name, "::operator()(", "(");
  std::string text;
  int angles = 0;
  int parentheses = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (c == '(') ++parentheses;
    if (parentheses == 0) {
      if (c == '<') ++angles;
      if (c == '>' && angles > 0) --angles;
      if (c == ' ' && angles == 0) {
        if (name.compare(i, 6, " const") == 0 || name.compare(i, 2, " [") == 0) break;
        text.clear();  // that was the result
      } else {
        text += c;
      }
    }
    if (c == ')') {
      --parentheses;
      if (parentheses == 0 && name.compare(i + 1, 1, ">") == 0) ++i;  // of g++'s "<lambda(int)>"
    }
  }
  return text;
}

bool is_of_library(std::string_view function) { return function.starts_with("asyncio::"); }

std::string describe(const std::source_location& place) {
  return function_of(place) + " (" + place.file_name() + ":" + std::to_string(place.line()) + ")";
}

void report(LoopCore* loop, ExceptionContext context) noexcept {
  try {
    if (loop != nullptr) {
      EventLoop::of(*loop).call_exception_handler(context);
    } else {
      std::fprintf(stderr, "asyncio: %s\n", render(context).c_str());
    }
  } catch (...) {
    std::fputs("asyncio: an error could not be reported\n", stderr);
  }
}

void report_current(LoopCore* loop, const char* message, Handle handle) noexcept {
  const std::exception_ptr error = std::current_exception();
  if (loop != nullptr && is_exit(error)) return EventLoop::of(*loop).state().leave_with(error);
  report(loop, {.message = message, .exception = error, .handle = std::move(handle)});
}

void report_never_awaited(const Promise& coroutine) noexcept {
  std::string dropped_by;
  if (this_thread.task != nullptr) dropped_by = "  dropped by\n" + format_stack(*this_thread.innermost, "    ");
  report(this_thread.loop, {.message = "coroutine '" + describe(coroutine.definition()) + "' was never awaited",
                            .extra = std::move(dropped_by)});
}

void report_slow(LoopCore& loop, std::string_view what, std::int64_t took, std::string extra) noexcept {
  const double seconds = std::chrono::duration<double>(std::chrono::nanoseconds(took)).count();
  report(&loop,
         {.message = std::string(what) + " took " + std::to_string(seconds) + " seconds", .extra = std::move(extra)});
}

void run_timed(LoopCore& loop, Callback<void()>& callback, Context& context) noexcept {
  const EventLoop& owner = EventLoop::of(loop);
  const std::int64_t begin = owner.state().now();
  run_reporting(&loop, context, "Exception in a callback", callback);
  const std::int64_t took = owner.state().now() - begin;
  if (owner.debug && took >= owner.slow_callback_duration.count())
    report_slow(loop, "callback " + describe(callback.type()), took);
}

std::string describe(const std::type_info& type) { return demangle(type.name()); }

void EventLoop::set_exception_handler(ExceptionHandler handler) {
  state_->exception_handler = std::move(handler);
  state_->exception_handler_set = true;
}

void EventLoop::default_exception_handler(const ExceptionContext& context) {
  std::fprintf(stderr, "asyncio: %s\n", render(context).c_str());
}

void EventLoop::call_exception_handler(const ExceptionContext& context) noexcept {
  State& state = *state_;
  if (!state.exception_handler || state.in_exception_handler) {
    return default_exception_handler(context);
  }
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
      default_exception_handler({.message = "Unhandled error in exception handler",
                                 .exception = error,
                                 .extra = "  while handling: " + render(context)});
    }
  }
  state.in_exception_handler = false;
  if (!state.exception_handler_set) state.exception_handler = std::move(handler);
}

}  // namespace asyncio::inline ASYNCIO_ABI
