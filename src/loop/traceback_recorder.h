// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/lowlevel/waiter.h>

#include "base/traceback.h"

#include <exception>
#include <memory>

namespace asyncio::inline ASYNCIO_ABI::detail {

Traceback::Entry traceback_entry(const Promise& coroutine) noexcept;

// That of an exception with which the outermost coroutine of a task has ended, once; null where nothing is known. That
// is so for a CancelledError: it is no error, and many a task ends with one.
std::shared_ptr<const Traceback> take_traceback(const std::exception_ptr& error) noexcept;
// That of an exception which the running task has caught, and holds.
std::shared_ptr<const Traceback> traceback_in_flight(const std::exception_ptr& error) noexcept;
// That of what a task ended with.
std::shared_ptr<const Traceback> traceback_of(const FutureBase& ended) noexcept;

// A coroutine that waits, and all that await it.
Traceback stack_of(const Promise& innermost);

// What to say of an exception that leaves main(): the traceback of the last one that a run() of this thread has ended
// with; null where it is another one.
void keep_for_terminate(const std::exception_ptr& error, std::shared_ptr<const Traceback> traceback) noexcept;
std::shared_ptr<const Traceback> traceback_for_terminate(const std::exception_ptr& error) noexcept;

}  // namespace asyncio::inline ASYNCIO_ABI::detail
