// SPDX-License-Identifier: MIT
#include "core/traceback.h"

#include <asyncio/error.h>
#include <asyncio/waiter.h>

#include "core/report.h"
#include "core/task_extra.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <typeinfo>
#include <utility>

// Theory of operation. An exception goes from coroutine to coroutine as a std::exception_ptr, which has no room for a
// note. So each thread remembers its last few *journeys*: which exception, the coroutines that it has left, and which one
// it comes to next. An exception is known by its address and type alone, because to hold it would keep it alive. An
// address may come again; that the coroutine must be the expected one too makes a false match all but impossible.

namespace asyncio::inline ASYNCIO_ABI {

namespace {

struct Identity {
  const void* address = nullptr;
  const std::type_info* type = nullptr;

  Identity() = default;
  explicit Identity(const std::exception_ptr& error) noexcept : type(error.__cxa_exception_type()) {
    // Both C++ libraries keep the address of the exception in it, and nothing else.
    static_assert(sizeof(error) == sizeof address);
    std::memcpy(&address, static_cast<const void*>(&error), sizeof address);
  }
  bool operator==(const Identity&) const = default;
};

struct Journey {
  Identity exception;
  const Promise* next = nullptr;  // null: the exception has left the outermost coroutine of a task
  Traceback traceback;
};

class Journeys {
 public:
  Journey* find(const Identity& exception, const Promise* next) noexcept {
    for (Journey& journey : ring_)
      if (journey.exception == exception && journey.next == next) return &journey;
    return nullptr;
  }
  // The last one that has begun of these.
  const Journey* find(const Identity& exception) const noexcept {
    for (std::size_t age = 1; age <= ring_.size(); ++age) {
      const Journey& journey = ring_[(begun_ - age) % ring_.size()];
      if (journey.exception == exception) return &journey;
    }
    return nullptr;
  }
  Journey& begin(const Identity& exception) noexcept {
    Journey& journey = ring_[begun_++ % ring_.size()];
    journey.exception = exception;
    journey.traceback.entries.clear();
    journey.traceback.left_out = 0;
    return journey;
  }

 private:
  std::array<Journey, 8> ring_;
  std::size_t begun_ = 0;
};
thread_local Journeys journeys;

struct Uncaught {
  Identity exception;
  std::shared_ptr<const Traceback> traceback;
};
thread_local Uncaught uncaught;

void add_line(std::string& text, const std::string& indent, std::string_view line) {
  if (!text.empty()) text += '\n';
  text += indent;
  text += line;
}

std::shared_ptr<const Traceback> copy(const Traceback& traceback) noexcept {
  try {
    return std::make_shared<const Traceback>(traceback);
  } catch (...) {
    return nullptr;
  }
}

void append(Traceback& traceback, const Promise& coroutine) {
  if (traceback.entries.size() < Traceback::most_entries) {
    traceback.entries.push_back(traceback_entry(coroutine));
  } else {
    ++traceback.left_out;
  }
}

}  // namespace

Traceback::Entry traceback_entry(const Promise& coroutine) noexcept {
#if ASYNCIO_AWAIT_SITES
  if (coroutine.await_site().line() != 0) return {coroutine.definition(), coroutine.await_site()};
#endif
  return {coroutine.definition(), coroutine.definition()};
}

std::exception_ptr Promise::take_exception() noexcept {
  std::exception_ptr error = std::current_exception();
  const Identity exception(error);
  if (exception.type != nullptr && *exception.type == typeid(CancelledError)) return error;
  Journey* journey = journeys.find(exception, this);
  if (journey == nullptr) journey = &journeys.begin(exception);
  journey->next = parent_;
  try {
    append(journey->traceback, *this);
  } catch (...) {
    journey->exception = {};  // no memory for it: the exception itself is what matters
  }
  return error;
}

std::shared_ptr<const Traceback> take_traceback(const std::exception_ptr& error) noexcept {
  Journey* journey = journeys.find(Identity(error), nullptr);
  if (journey == nullptr) return nullptr;
  journey->exception = {};
  return copy(journey->traceback);
}

std::shared_ptr<const Traceback> traceback_in_flight(const std::exception_ptr& error) noexcept {
  const Journey* journey = journeys.find(Identity(error));
  return journey != nullptr ? copy(journey->traceback) : nullptr;
}

std::shared_ptr<const Traceback> traceback_of(const FutureBase& ended) noexcept {
  const TaskBase* task = ended.as_task();
  const TaskExtra* extra = task != nullptr ? task->extra_if_any() : nullptr;
  return extra != nullptr ? extra->traceback : nullptr;
}

void FutureBase::resume_traceback() noexcept {
  const std::shared_ptr<const Traceback> past = traceback_of(*this);
  if (past == nullptr || this_thread.task == nullptr) return;
  const Identity exception(outcome_exception());
  Journey* journey = journeys.find(exception, this_thread.innermost);
  if (journey == nullptr) journey = &journeys.begin(exception);
  journey->next = this_thread.innermost;
  try {
    journey->traceback = *past;
  } catch (...) {
    journey->exception = {};
  }
}

std::string format(const Traceback& traceback, const std::string& indent) {
  std::string text;
  for (const Traceback::Entry& entry : traceback.entries) {
    const std::string function = function_of(entry.definition);
    if (is_of_library(function)) continue;
    add_line(text, indent,
             "in " + function + " (" + entry.place.file_name() + ":" + std::to_string(entry.place.line()) + ")");
  }
  if (traceback.left_out > 0) add_line(text, indent, "and " + std::to_string(traceback.left_out) + " more");
  return text;
}

std::string format_stack(const Promise& innermost, const std::string& indent) {
  Traceback stack;
  for (const Promise* coroutine = &innermost; coroutine != nullptr; coroutine = coroutine->parent())
    append(stack, *coroutine);
  return format(stack, indent);
}

void keep_for_terminate(const std::exception_ptr& error, std::shared_ptr<const Traceback> traceback) noexcept {
  uncaught = {Identity(error), std::move(traceback)};
}

std::string traceback_for_terminate(const std::exception_ptr& error) {
  if (uncaught.traceback == nullptr || !(uncaught.exception == Identity(error))) return {};
  return format(*uncaught.traceback, "    ");
}

}  // namespace asyncio::inline ASYNCIO_ABI
