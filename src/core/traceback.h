// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/coro.h>

#include <exception>
#include <string>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI {

// The coroutines that an exception has left, innermost first: what a Python traceback shows. Noted where a coroutine ends
// with an exception, which costs a few stores beside the microsecond of the unwinding; kept with a task that ended so, and
// taken up again when its result is awaited.
struct Traceback {
  struct Entry {
    std::source_location definition;  // of the coroutine
    std::source_location site;        // of its last await
  };
  std::vector<Entry> entries;
};

// An exception is leaving `coroutine`. A CancelledError is not noted: it is no error, and many a task ends with one.
void note_exception(const Promise& coroutine, const std::exception_ptr& error) noexcept;

// What is known of an exception that travels at the moment; null where nothing is.
const Traceback* traceback_of(const std::exception_ptr& error) noexcept;

// The exception is about to be thrown again, by an await of what it ended: what follows belongs to the same journey.
void resume_traceback(const std::exception_ptr& error, const Traceback& traceback) noexcept;

// A line for each: "    in fetch (shop.cpp:12)".
std::string format(const Traceback& traceback);

}  // namespace asyncio::inline ASYNCIO_ABI
