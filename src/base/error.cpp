// SPDX-License-Identifier: MIT
#include <asyncio/error.h>

#include <cstdio>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

namespace {
std::string describe(const std::string& partial, std::optional<std::size_t> expected) {
  const std::string wanted = expected ? std::to_string(*expected) + " bytes were expected" : "a separator was expected";
  return "the stream ended after " + std::to_string(partial.size()) + " bytes, and " + wanted;
}
}  // namespace

CancelledError detail::cancelled_error(std::string_view message, const void* source) noexcept {
  try {
    return CancelledError(message, source);
  } catch (...) {
    return CancelledError({}, source);
  }
}

QueueFull::QueueFull(int maxsize) noexcept {
  std::snprintf(text_, sizeof text_, "queue is full: its maxsize is %d", maxsize);
}

IncompleteReadError::IncompleteReadError(std::string partial, std::optional<std::size_t> expected)
    : std::runtime_error(describe(partial, expected)),
      partial_(detail::share_text(std::move(partial))),
      expected_(expected) {}

}  // namespace asyncio::inline ASYNCIO_ABI
