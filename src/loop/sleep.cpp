// SPDX-License-Identifier: MIT
#include <asyncio/sleep.h>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

const WaitKind Sleep::sleeping{"sleep", &Sleep::remove};

const WaitKind UntilIdle::idling{
    .reason = "until_idle",
    .remove = [](Waiter& waiter) noexcept { static_cast<UntilIdle&>(waiter).unlink(); },
};

void Sleep::start() {
  EventLoop& loop = EventLoop::of(*this_thread.task->loop());  // even in the child of a fork(), where none runs
  loop.arm(*this, loop.deadline_after(std::chrono::nanoseconds(deadline)));
}

void Sleep::fire(Timer& timer) noexcept { static_cast<Sleep&>(timer).wake(); }

void Sleep::remove(Waiter& waiter) noexcept {
  Sleep& sleep = static_cast<Sleep&>(waiter);
  EventLoop::of(*sleep.task()->loop()).disarm(sleep);
}

}  // namespace asyncio::inline ASYNCIO_ABI
