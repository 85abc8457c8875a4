// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/chrono.h>
#include <asyncio/error.h>

#include <optional>
#include <string>

namespace asyncio::inline ASYNCIO_ABI::detail {

// "2 s", "1.5 ms"
std::string describe(std::chrono::nanoseconds duration);

// What is thrown at the end of a time: says how long it was, unless that is not known, and what was waited for (the
// reason of a wait, such as "Queue.get"), unless that is null.
TimeoutError timed_out(std::optional<std::chrono::nanoseconds> length, const char* waited_in);

}  // namespace asyncio::inline ASYNCIO_ABI::detail
