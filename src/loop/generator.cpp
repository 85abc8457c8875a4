// SPDX-License-Identifier: MIT
#include <asyncio/generator.h>

#include <asyncio/error.h>
#include <asyncio/event_loop.h>
#include <asyncio/task.h>

#include <cstdio>
#include <exception>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

void GeneratorBase::throw_running() { throw RuntimeError("the generator is running: one step at a time"); }
void GeneratorBase::throw_ignored_exit() { throw RuntimeError("the generator yielded again instead of ending"); }

// A loop that is closed destroys its tasks one after the other, and a task may own what another one waits in.
void GeneratorBase::require_end_of_loop() noexcept {
  const TaskBase* const task = this_thread.task;
  if (task != nullptr && EventLoop::of(*task->loop()).is_closed()) return;
  std::fputs("asyncio: an AsyncGenerator was destroyed while a task waits in it\n", stderr);
  std::terminate();
}

}  // namespace asyncio::inline ASYNCIO_ABI
