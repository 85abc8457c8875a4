// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>
#include <asyncio/detail/await_protocol.h>

namespace asyncio::inline ASYNCIO_ABI {

class Context;

namespace detail {

struct LoopCore;
class TaskBase;

// What runs in this thread now.
struct ThisThread {
  LoopCore* loop = nullptr;    // the running loop
  TaskBase* task = nullptr;    // the task whose step runs
  Context* context = nullptr;  // that was entered, else the task's own counts; outside of tasks, the thread's
  [[no_unique_address]] AwaitProtocol awaits;
};
extern constinit thread_local ThisThread this_thread [[gnu::tls_model("initial-exec")]];

}  // namespace detail

}  // namespace asyncio::inline ASYNCIO_ABI
