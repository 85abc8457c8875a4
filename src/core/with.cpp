// SPDX-License-Identifier: MIT
#include <asyncio/with.h>

namespace asyncio::inline ASYNCIO_ABI {

const WaitKind ExitWait::kind{
    .reason = "with: exit",
    .remove = [](Waiter& waiter) noexcept { static_cast<ExitWait&>(waiter).unlink(); },
    .interrupt = nullptr,
    .awaited = [](const Waiter& waiter) -> FutureBase* { return static_cast<const ExitWait&>(waiter).exit_.state(); },
};

ExitWait::~ExitWait() {
  // The loop is closed in the middle of the exit. Its coroutine uses what stands in the frames that go now, and so it
  // goes before them.
  if (!exit_.done()) exit_.state()->destroy_pending();
}

}  // namespace asyncio::inline ASYNCIO_ABI
