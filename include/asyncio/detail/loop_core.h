// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>
#include <asyncio/detail/link.h>

#include <cstdint>

namespace asyncio::inline ASYNCIO_ABI {

class EventLoop;

namespace detail {

// The part of an event loop that tasks touch at every step.
struct LoopCore {
  ReadyQueue ready;
  Link live;                           // every task that has started and not ended
  Link callbacks;                      // every done callback that waits for its future
  std::uint64_t task_numbers = 0;      // the next number for a name "Task-N", and
  std::uint64_t task_numbers_end = 0;  // the end of the block that this loop has drawn
  bool debug = false;
  bool has_task_factory = false;
};

// The same loop, from the other side; null for null.
LoopCore& core_of(EventLoop& loop) noexcept;
inline LoopCore* core_of(EventLoop* loop) noexcept { return loop != nullptr ? &core_of(*loop) : nullptr; }

// Set for good by the first loop of the program that is in debug mode: asked without touching a loop, which may have
// gone.
extern constinit bool debug_mode_used;
void refuse_other_thread(const LoopCore* loop, const char* operation);

// For the begin of whatever changes something that belongs to a loop: in debug mode throws RuntimeError where that loop
// runs in another thread. The loop may have been destroyed.
inline void require_own_thread(const LoopCore* loop, const char* operation) {
  if (__atomic_load_n(&debug_mode_used, __ATOMIC_RELAXED)) [[unlikely]]
    refuse_other_thread(loop, operation);
}

}  // namespace detail

}  // namespace asyncio::inline ASYNCIO_ABI
