// SPDX-License-Identifier: MIT
#include "core/traceback.h"

#include <asyncio/error.h>

#include <cstring>
#include <typeinfo>

#include "core/report.h"

namespace asyncio::inline ASYNCIO_ABI {

namespace {

// Of the exception that this thread saw last. It is known by its address alone, because to hold it would keep it alive;
// an address may come again, and so the next entry must be of the coroutine that awaited the last one.
struct Journey {
  const void* exception = nullptr;
  const Promise* next = nullptr;  // who awaits the coroutine that it left last
  bool any_next = false;          // it comes out of a task or future: whoever awaits that is next
  Traceback traceback;
};
thread_local Journey journey;

// Both C++ libraries keep in an exception_ptr the address of the exception, and nothing else.
const void* address_of(const std::exception_ptr& error) noexcept {
  static_assert(sizeof(error) == sizeof(void*));
  const void* address = nullptr;
  std::memcpy(&address, static_cast<const void*>(&error), sizeof address);
  return address;
}

}  // namespace

void note_exception(const Promise& coroutine, const std::exception_ptr& error) noexcept {
  if (is_type(error, typeid(CancelledError))) return;
  const void* exception = address_of(error);
  if (journey.exception != exception || (!journey.any_next && journey.next != &coroutine)) {
    journey.exception = exception;
    journey.traceback.entries.clear();
  }
  journey.next = coroutine.parent();
  journey.any_next = false;
  try {
    journey.traceback.entries.push_back({coroutine.definition(), place_of(coroutine)});
  } catch (...) {
    journey.exception = nullptr;  // no memory for it: the exception itself is what matters
  }
}

const Traceback* traceback_of(const std::exception_ptr& error) noexcept {
  return error != nullptr && journey.exception == address_of(error) ? &journey.traceback : nullptr;
}

void resume_traceback(const std::exception_ptr& error, const Traceback& traceback) noexcept {
  try {
    journey.traceback = traceback;
    journey.exception = address_of(error);
  } catch (...) {
    journey.exception = nullptr;
  }
  journey.any_next = true;
}

std::string format(const Traceback& traceback) {
  std::string text;
  for (const Traceback::Entry& entry : traceback.entries) {
    if (!text.empty()) text += '\n';
    text += "    in " + function_of(entry.definition) + " (" + entry.site.file_name() + ":" +
            std::to_string(entry.site.line()) + ")";
  }
  return text;
}

}  // namespace asyncio::inline ASYNCIO_ABI
