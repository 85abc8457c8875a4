// SPDX-License-Identifier: MIT
#include "loop/traceback_recorder.h"

#include <asyncio/outcome.h>

#include "base/exception_abi.h"
#include "base/per_thread.h"
#include "loop/task_extra.h"

#include <algorithm>
#include <array>
#include <typeinfo>
#include <utility>

// Theory of operation. The way of an exception is noted here; what is made of it for people is in base/traceback.h. An
// exception goes from coroutine to coroutine as a std::exception_ptr, which has no room for a
// note. So each thread remembers its last few *journeys*: which exception, the coroutines that it has left, and which
// one it comes to next. An exception is known by its address and type alone, because to hold it would keep it alive. An
// address may come again; that the coroutine must be the expected one too makes a false match all but impossible.

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

namespace {

struct Identity {
  const void* address = nullptr;
  const std::type_info* type = nullptr;

  Identity() = default;
  explicit Identity(const std::exception_ptr& error) noexcept : address(address_of(error)), type(type_of(error)) {}
  bool operator==(const Identity&) const = default;
};

struct Journey {
  Identity exception;
  const Promise* next = nullptr;  // null: the exception has left the outermost coroutine of a task
  Traceback traceback;
};

class Journeys {
 public:
  // The last one that has begun of these: others are of exceptions that are gone, and that had the same address.
  Journey* find(const Identity& exception, const Promise* next) noexcept {
    return find_if([&](const Journey& journey) { return journey.exception == exception && journey.next == next; });
  }
  Journey* find(const Identity& exception) noexcept {
    return find_if([&](const Journey& journey) { return journey.exception == exception; });
  }
  Journey& begin(const Identity& exception) noexcept {
    Journey& journey = ring_[begun_++ % ring_.size()];
    journey.exception = exception;
    journey.traceback.entries.clear();
    journey.traceback.left_out = 0;
    return journey;
  }

 private:
  template <class F>
  Journey* find_if(F matches) noexcept {
    for (std::size_t age = 1; age <= ring_.size(); ++age) {
      Journey& journey = ring_[(begun_ - age) % ring_.size()];
      if (matches(journey)) return &journey;
    }
    return nullptr;
  }

  std::array<Journey, 8> ring_;
  std::size_t begun_ = 0;
};
struct Uncaught {
  Identity exception;
  std::shared_ptr<const Traceback> traceback;
};

struct Notes {
  Journeys journeys;
  Uncaught uncaught;
};
[[gnu::tls_model("initial-exec")]] constinit thread_local Notes* notes_of_thread = nullptr;

// Those of this thread. Null where there is no memory for them.
Notes* notes() noexcept {
  try {
    return &per_thread(notes_of_thread);
  } catch (...) {
    return nullptr;
  }
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

Traceback::Entry detail::traceback_entry(const Promise& coroutine) noexcept {
  return {coroutine.definition(), coroutine.place()};
}

std::exception_ptr Promise::take_exception() noexcept {
  std::exception_ptr error = std::current_exception();
  if (is_cancelled_error(error)) return error;
  const Identity exception(error);
  Notes* const known = notes();
  if (known == nullptr) return error;
  Journey* journey = was_thrown_here(exception.address) ? nullptr : known->journeys.find(exception, this);
  if (journey == nullptr) journey = &known->journeys.begin(exception);
  journey->next = parent_;
  try {
    append(journey->traceback, *this);
  } catch (...) {
    journey->exception = {};  // no memory for it: the exception itself is what matters
  }
  return error;
}

std::shared_ptr<const Traceback> detail::take_traceback(const std::exception_ptr& error) noexcept {
  Notes* const known = notes();
  Journey* journey = known != nullptr ? known->journeys.find(Identity(error), nullptr) : nullptr;
  if (journey == nullptr) return nullptr;
  journey->exception = {};
  return copy(journey->traceback);
}

std::shared_ptr<const Traceback> detail::traceback_in_flight(const std::exception_ptr& error) noexcept {
  Notes* const known = notes();
  const Journey* journey = known != nullptr ? known->journeys.find(Identity(error)) : nullptr;
  return journey != nullptr ? copy(journey->traceback) : nullptr;
}

std::shared_ptr<const Traceback> detail::traceback_of(const FutureBase& ended) noexcept {
  const TaskBase* task = ended.as_task();
  const TaskExtra* extra = task != nullptr ? task->extra_if_any() : nullptr;
  return extra != nullptr ? extra->traceback : nullptr;
}

void FutureBase::resume_traceback() noexcept {
  Notes* const known = notes();
  if (known == nullptr || this_thread.task == nullptr) return;
  const std::shared_ptr<const Traceback> past = traceback_of(*this);
  const Identity exception(outcome_exception());
  Journey* journey = known->journeys.find(exception, this_thread.task->innermost());
  if (past == nullptr) {
    if (journey != nullptr) journey->exception = {};  // that was another one, at the same address
    return;
  }
  if (journey == nullptr) journey = &known->journeys.begin(exception);
  journey->next = this_thread.task->innermost();
  try {
    journey->traceback = *past;
  } catch (...) {
    journey->exception = {};
  }
}

Traceback detail::stack_of(const Promise& innermost) {
  Traceback stack;
  for (const Promise* coroutine = &innermost; coroutine != nullptr; coroutine = coroutine->parent())
    append(stack, *coroutine);
  return stack;
}

void detail::keep_for_terminate(const std::exception_ptr& error, std::shared_ptr<const Traceback> traceback) noexcept {
  if (Notes* const known = notes()) known->uncaught = {Identity(error), std::move(traceback)};
}

std::shared_ptr<const Traceback> detail::traceback_for_terminate(const std::exception_ptr& error) noexcept {
  const Notes* const known = notes();
  const Identity exception(error);
  if (known == nullptr || !(known->uncaught.exception == exception)) return nullptr;
  return was_thrown_here(exception.address) ? nullptr : known->uncaught.traceback;
}

}  // namespace asyncio::inline ASYNCIO_ABI
