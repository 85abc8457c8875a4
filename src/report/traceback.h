// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/coro.h>

#include <cstddef>
#include <exception>
#include <memory>
#include <source_location>
#include <string>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI {

// The coroutines that an exception has left, innermost first: what a Python traceback shows. Noted where a coroutine ends
// with an exception (Promise::take_exception), which costs a few stores beside the microsecond of the unwinding; kept
// with a task that ended so, and taken up again where its result is awaited (FutureBase::retrieve).
struct Traceback {
  // A coroutine, and the place in it: of its last await, or of its definition before the first.
  struct Entry {
    std::source_location definition;
    std::source_location place;
  };
  static constexpr std::size_t most_entries = 100;

  std::vector<Entry> entries;
  std::size_t left_out = 0;  // how many more there would be
};

Traceback::Entry traceback_entry(const Promise& coroutine) noexcept;

// That of an exception with which the outermost coroutine of a task has ended, once; null where nothing is known. That is
// so for a CancelledError: it is no error, and many a task ends with one.
std::shared_ptr<const Traceback> take_traceback(const std::exception_ptr& error) noexcept;
// That of an exception which the running task has caught, and holds.
std::shared_ptr<const Traceback> traceback_in_flight(const std::exception_ptr& error) noexcept;
// That of what a task ended with.
std::shared_ptr<const Traceback> traceback_of(const FutureBase& ended) noexcept;

// A line for each entry, which begins with `indent`: "in fetch (shop.cpp:12)".
std::string format(const Traceback& traceback, const std::string& indent);

// The same for coroutines that wait: `innermost` and all that await it.
std::string format_stack(const Promise& innermost, const std::string& indent);
// The same where the innermost runs: where it is can only be told by its last await, "in fetch (after shop.cpp:12)".
std::string format_running_stack(const std::string& indent);

// What to say of the exception that is being handled, which has left main(): that of the last run() of this thread. ""
// where it is another one.
void keep_for_terminate(const std::exception_ptr& error, std::shared_ptr<const Traceback> traceback) noexcept;
std::string traceback_for_terminate(const std::exception_ptr& error);

}  // namespace asyncio::inline ASYNCIO_ABI
