// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/event_loop.h>
#include <asyncio/stream.h>

#include <source_location>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace asyncio::inline ASYNCIO_ABI::detail {

// For debug mode: where the connections of a loop were made, to tell of writers that nobody closes, and of those of one
// place only once.
class Unclosed {
 public:
  // In the coroutine that runs now; in the one that was defined here.
  void note(const detail::StreamTransport& stream) noexcept;
  void note(const detail::StreamTransport& stream, const std::source_location& definition) noexcept;
  void forget(const detail::StreamTransport& stream) noexcept { places_.erase(&stream); }

  // Its writer was destroyed, and is still open.
  void report(EventLoop& loop, const detail::StreamTransport& stream) noexcept;

 private:
  std::unordered_map<const void*, std::source_location> places_;
  std::unordered_set<std::string> told_;
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
