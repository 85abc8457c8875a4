// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <cassert>
#include <cstdint>

namespace asyncio::inline ASYNCIO_ABI::detail {

// A place in one of the queue's circular lists: a node, or the head of a list.
class TimerLink {
  friend class TimerNode;
  friend class TimerQueue;
  TimerLink* next_ = nullptr;
  TimerLink* previous_ = nullptr;
  const void* ahead_ = nullptr;  // a node some places later; it may be gone: only to prefetch
};

// One deadline: a base class of whatever waits for it. It must be disarmed before it is destroyed.
class TimerNode : private TimerLink {
 public:
  TimerNode() = default;
  TimerNode(const TimerNode&) = delete;
  TimerNode& operator=(const TimerNode&) = delete;
  ~TimerNode() { assert(!armed()); }

  bool armed() const noexcept { return next_ != nullptr; }

  std::int64_t deadline = 0;  // ns on the loop's clock; the queue's while the node is armed, the owner's to read

 private:
  friend class TimerQueue;
};
static_assert(sizeof(TimerNode) == 32);

}  // namespace asyncio::inline ASYNCIO_ABI::detail
