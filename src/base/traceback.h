// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <cstddef>
#include <source_location>
#include <string>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI::detail {

// The coroutines that an exception has left, innermost first: what a Python traceback shows. Noted where a coroutine
// ends with an exception (Promise::take_exception), which costs a few stores beside the microsecond of the unwinding;
// kept with a task that ended so, and taken up again where its result is awaited (FutureBase::retrieve).
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

// A line for each entry, which begins with `indent`: "in fetch (shop.cpp:12)". `before_first` is put before the place
// of the first: "in fetch (after shop.cpp:12)". What is the library's own is left out.
std::string format(const Traceback& traceback, const std::string& indent, const char* before_first = "");

}  // namespace asyncio::inline ASYNCIO_ABI::detail
