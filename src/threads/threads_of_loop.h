// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/executor.h>

#include "loop/loop_threads.h"

#include <memory>

namespace asyncio::inline ASYNCIO_ABI::detail {

// What a loop has of threads: its executors, and the results that it waits for.
class ThreadsOfLoop final : public LoopThreads {
 public:
  // Makes them where there are none yet. Throws RuntimeError where the loop is closed.
  static ThreadsOfLoop& of(EventLoop& loop);

  bool may_be_busy() const noexcept override { return executor != nullptr; }
  Coro<> shut_down(std::chrono::nanoseconds longest) override { return loop_.shutdown_default_executor(longest); }
  std::size_t unfinished() const noexcept override { return executor != nullptr ? executor->unfinished() : 0; }
  void loop_closing() noexcept override;

  std::shared_ptr<ThreadPoolExecutor> executor;  // the default one, shared with those who wait for its end; and
  std::unique_ptr<ThreadPoolExecutor> resolver;  // that of name lookups; null until needed
  bool executor_shut_down = false;
  Link deliveries;  // each a Delivery: results of threads for which futures wait

 private:
  explicit ThreadsOfLoop(EventLoop& loop) : loop_(loop) {}
  ~ThreadsOfLoop() = default;

  EventLoop& loop_;
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
