// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <cstdint>
#include <string_view>

namespace asyncio::inline ASYNCIO_ABI {

// The interfaces of the kernel through which a loop waits. LoopOptions and RunOptions (event_loop.h, run.h) take one.
enum class Backend : std::uint8_t {
  automatic,  // what the environment says in ASYNCIO_BACKEND, else io_uring where it works, else epoll
  epoll,
  io_uring,  // the loop stays in the thread that runs it first: running it in another one throws RuntimeError
};
std::string_view to_string(Backend backend);  // its name here

}  // namespace asyncio::inline ASYNCIO_ABI
