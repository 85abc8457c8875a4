// SPDX-License-Identifier: MIT
#pragma once
#include <asyncio/config.h>

#include <cstddef>
#include <cstdint>
namespace asyncio::inline ASYNCIO_ABI {
struct TimerNode {
  std::int64_t deadline = 0;
  std::uint64_t sequence = 0;
  std::size_t index = SIZE_MAX;
  void* pad = nullptr;
  bool armed() const { return index != SIZE_MAX; }
};
}  // namespace asyncio::inline ASYNCIO_ABI
