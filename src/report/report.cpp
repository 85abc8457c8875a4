// SPDX-License-Identifier: MIT
#include "report/report.h"

#include "base/exception_abi.h"
#include "loop/loop_state.h"
#include "loop/task_extra.h"
#include "report/traceback.h"

#include <cxxabi.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string_view>
#include <typeinfo>

namespace asyncio::inline ASYNCIO_ABI {

namespace {
// Inline namespaces are a library's own affair: ours, and those of the standard libraries.
#define ASYNCIO_QUOTE(name) ASYNCIO_QUOTE_EXPANDED(name)
#define ASYNCIO_QUOTE_EXPANDED(name) #name
constexpr std::string_view inline_namespace = ASYNCIO_QUOTE(ASYNCIO_ABI) "::";

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
}

std::string demangle(const char* name) {
  int status = 0;
  std::unique_ptr<char, void (*)(void*)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status), std::free);
  std::string result = text != nullptr ? text.get() : name;
  replace_all(result, inline_namespace, "");
  replace_all(result, "std::__cxx11::", "std::");
  replace_all(result, "std::__1::", "std::");
  return result;
}

// The place behind the bracket that closes the one at `at`. Within round ones '<' may be less than.
std::size_t end_of_brackets(std::string_view text, std::size_t at) {
  const char open = text[at];
  const char close = open == '(' ? ')' : open == '[' ? ']' : '>';
  std::size_t i = at + 1;
  while (i < text.size() && text[i] != close) i = text[i] == open || text[i] == '(' ? end_of_brackets(text, i) : i + 1;
  return std::min(i + 1, text.size());
}

bool is_operator(std::string_view text, std::size_t at) {
  constexpr std::string_view word = "operator";
  const auto in_name = [text](std::size_t i) {
    return i < text.size() && (std::isalnum(static_cast<unsigned char>(text[i])) != 0 || text[i] == '_');
  };
  return text.substr(at).starts_with(word) && (at == 0 || !in_name(at - 1)) && !in_name(at + word.size());
}

// The place of its parameters: "operator<(", "operator Coro<void (*)()>(".
std::size_t end_of_operator(std::string_view text, std::size_t at) {
  std::size_t i = at + 8;
  const bool conversion = i < text.size() && text[i] == ' ';
  while (i < text.size() && text[i] != '(') i = conversion && text[i] == '<' ? end_of_brackets(text, i) : i + 1;
  return i;
}

// Behind parameters: "const", "&&", "[with T = int]". What else comes there ends the name.
std::size_t end_of_qualifiers(std::string_view text, std::size_t at) {
  while (at + 1 < text.size() && text[at] == ' ') {
    if (text[at + 1] == '[') {
      at = end_of_brackets(text, at + 1);
      continue;
    }
    const std::size_t end = std::min(text.find_first_of(" :", at + 1), text.size());
    const std::string_view word = text.substr(at + 1, end - at - 1);
    constexpr std::array<std::string_view, 6> qualifiers{"const", "volatile", "&", "&&", "mutable", "noexcept"};
    if (std::find(qualifiers.begin(), qualifiers.end(), word) == qualifiers.end()) return at;
    at = end;
  }
  return at;
}

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

bool is_a(const std::exception_ptr& error, const std::type_info& type) noexcept {
  const std::type_info* its = type_of(error);
  return its != nullptr && *its == type;
}

bool is_exit(const std::exception_ptr& error) noexcept {
  return is_a(error, typeid(SystemExit)) || is_a(error, typeid(KeyboardInterrupt));
}

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
  replace_all(name, inline_namespace, "");
  replace_all(name, "(anonymous namespace)::", "");
  replace_all(name, "{anonymous}::", "");
  replace_all(name, "(anonymous class)::operator()", "<lambda>");
  replace_all(name, "::operator()(", "(");
  std::string text;
  for (std::size_t i = 0; i < name.size();) {
    const std::size_t begin = i;
    if (name[i] == ' ') {
      ++i;
      text.clear();  // that was the result
    } else if (is_operator(name, i)) {
      i = end_of_operator(name, i);
      text += name.substr(begin, i - begin);
    } else if (name.compare(i, 8, "<lambda(") == 0) {
      text += "<lambda>";
      i = end_of_qualifiers(name, end_of_brackets(name, i));
      if (name.compare(i, 2, "::") != 0) break;
    } else if (name[i] == '<') {
      i = end_of_brackets(name, i);
      text += name.substr(begin, i - begin);
    } else if (name[i] == '(') {
      i = end_of_brackets(name, i);
      if (text.empty() || text.ends_with("::")) {
        text += '<' + name.substr(begin + 1, i - begin - 2) + '>';  // "(anonymous struct)"
      } else if (text == "decltype") {
        text += name.substr(begin, i - begin);
      } else {
        i = end_of_qualifiers(name, i);
        if (name.compare(i, 2, "::") != 0) break;
      }
    } else {
      text += name[i++];
    }
  }
  return text;
}

bool is_of_library(std::string_view function) { return function.starts_with("asyncio::"); }

std::string describe(const std::source_location& place) {
  return function_of(place) + " (" + place.file_name() + ":" + std::to_string(place.line()) + ")";
}

std::string describe_creation(const std::source_location& place, const char* prefix) {
  return is_of_library(function_of(place)) ? std::string() : prefix + describe(place);
}

void report(LoopCore* loop, ExceptionContext context) noexcept {
  if (loop != nullptr) {
    EventLoop::of(*loop).call_exception_handler(context);
  } else {
    print(context);
  }
}

void report_short(const char* message) noexcept { std::fprintf(stderr, "asyncio: %s (no memory for more)\n", message); }

void report_current(LoopCore* loop, const char* message, Handle handle) noexcept {
  const std::exception_ptr error = std::current_exception();
  if (loop != nullptr && is_exit(error)) return EventLoop::of(*loop).state().leave_with(error);
  report_made(loop, message, [&](ExceptionContext& context) {
    context.exception = error;
    context.handle = std::move(handle);
  });
}

void report_never_awaited(const Promise& coroutine) noexcept {
  report_made(this_thread.loop, "a coroutine was never awaited", [&](ExceptionContext& context) {
    context.message = "coroutine '" + describe(coroutine.definition()) + "' was never awaited";
    // In the destructors of a task's parameters nothing is left of its coroutines.
    if (this_thread.task != nullptr && this_thread.task->innermost() != nullptr)
      context.extra = format_running_stack("    ");
    if (!context.extra.empty()) context.extra.insert(0, "  dropped by\n");
  });
}

StepWatch::StepWatch(LoopCore& loop) noexcept
    : loop_(EventLoop::of(loop)), begin_(loop_.state().now()), outside_(std::exchange(loop_.state().watched, 0)) {}

bool StepWatch::was_slow() noexcept {
  const std::int64_t all = loop_.state().now() - begin_;
  took_ = all - std::exchange(loop_.state().watched, outside_ + all);
  return loop_.debug && took_ >= loop_.slow_callback_duration.count();
}

std::string StepWatch::took() const {
  const double seconds = std::chrono::duration<double>(std::chrono::nanoseconds(took_)).count();
  return " took " + std::to_string(seconds) + " seconds";
}

void run_last(LoopCore* loop, BoundCallback<void()>& callback, const char* message, Handle handle) noexcept {
  callback.finish([&](Callback<void()>& last) {
    try {
      last();
    } catch (...) {
      report_current(loop, message, std::move(handle));
    }
  });
}

std::string describe(const std::type_info& type) { return demangle(type.name()); }

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
