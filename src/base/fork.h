// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <atomic>
#include <cstdint>

namespace asyncio::inline ASYNCIO_ABI::detail {

// Rises in the child of every fork(). getpid() would be a system call each time.
extern std::atomic<std::uint32_t> fork_generation;

// What a process shares with its parent without meaning to (a loop, an epoll set, a ring, the threads of a pool) has
// one of these, and is left alone once it says so.
class ProcessMark {
 public:
  // Whether this is the child of a fork() that came after the mark was made.
  bool forked() const { return generation_ != fork_generation.load(std::memory_order_relaxed); }

 private:
  std::uint32_t generation_ = fork_generation.load(std::memory_order_relaxed);
};

// What the child of a fork() is told, in a RuntimeError, where it uses a loop of its parent.
inline constexpr const char* parents_loop =
    "this event loop is the parent's: the child of a fork() has to make one of its own, as asyncio::run() does";
[[noreturn]] void throw_parents_loop();

}  // namespace asyncio::inline ASYNCIO_ABI::detail
