// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <atomic>
#include <cstdint>

namespace asyncio::inline ASYNCIO_ABI {

// Rises in the child of every fork(). What a process shares with its parent without meaning to (an epoll set, a ring)
// keeps the number it was made under, and is left alone under another one. getpid() would be a system call each time.
extern std::atomic<std::uint32_t> fork_generation;

}  // namespace asyncio::inline ASYNCIO_ABI
