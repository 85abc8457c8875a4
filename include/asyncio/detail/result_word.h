// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <bit>
#include <cstddef>
#include <exception>
#include <source_location>
#include <type_traits>

namespace asyncio::inline ASYNCIO_ABI::detail {

class Promise;

// A place in a program, as the compiler hands it to a default argument: for the functions of a promise, which only the
// compiler calls. There g++ 13 refuses std::source_location::current(), where it does not optimise.
using CallSite = decltype(__builtin_source_location());
inline std::source_location location_of(CallSite site) noexcept { return std::bit_cast<std::source_location>(site); }

// The last word of a coroutine, a task or a future, each of which is there by the million. It holds the result: an
// exception, or a value that is small and trivial. Until there is one it holds what its owner does not need any more
// then. What it is at the moment the owner knows.
union ResultWord {
  ResultWord() noexcept : site(nullptr) {}
  ResultWord(const ResultWord&) = delete;
  ResultWord& operator=(const ResultWord&) = delete;
  ~ResultWord() {}

  CallSite site;       // of a coroutine: its last await; null before the first
  Promise* innermost;  // of a task: the coroutine that runs or is to be resumed
  std::exception_ptr error;
  alignas(void*) std::byte value[sizeof(void*)];
};
static_assert(sizeof(ResultWord) == sizeof(void*));

// Such a value can be made first, and written into the word in one go: nothing fails in between.
template <class Stored>
inline constexpr bool fits_result_word =
    sizeof(Stored) <= sizeof(ResultWord) && alignof(Stored) <= alignof(ResultWord) &&
    std::is_trivially_move_constructible_v<Stored> && std::is_trivially_destructible_v<Stored>;

}  // namespace asyncio::inline ASYNCIO_ABI::detail
