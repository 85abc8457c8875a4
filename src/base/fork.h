// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <atomic>
#include <cstdint>

namespace asyncio::inline ASYNCIO_ABI {

// Rises in the child of every fork(). What a process shares with its parent without meaning to (an epoll set, a ring)
// keeps the number it was made under, and is left alone under another one. getpid() would be a system call each time.
extern std::atomic<std::uint32_t> fork_generation;

// What the child of a fork() is told, in a RuntimeError, where it uses a loop of its parent.
inline constexpr const char* parents_loop =
    "this event loop is the parent's: the child of a fork() has to make one of its own, as asyncio::run() does";
[[noreturn]] void throw_parents_loop();

}  // namespace asyncio::inline ASYNCIO_ABI
