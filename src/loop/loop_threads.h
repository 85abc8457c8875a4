// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/chrono.h>
#include <asyncio/coro.h>

#include "loop/loop_resource.h"

#include <cstddef>

namespace asyncio::inline ASYNCIO_ABI::detail {

// The threads that work for a loop, as the loop knows them. src/threads/ makes them when they are first needed.
class LoopThreads : public lowlevel::LoopResource {
 public:
  // Whether run() has something to wait for once the tasks have ended, and what: the threads of the default executor do
  // all that they have been given, and end. Not longer than that: it goes on without them then.
  virtual bool may_be_busy() const noexcept = 0;
  virtual Coro<> shut_down(std::chrono::nanoseconds longest) = 0;
  virtual std::size_t unfinished() const noexcept = 0;  // of the calls that these threads have been given

 protected:
  ~LoopThreads() = default;
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
