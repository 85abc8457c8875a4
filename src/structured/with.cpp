// SPDX-License-Identifier: MIT
#include <asyncio/with.h>

#include "loop/task_extra.h"

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

const WaitKind ExitWait::kind{
    .reason = "with: exit",
    .remove =
        [](Waiter& waiter) noexcept {
          ExitWait& wait = static_cast<ExitWait&>(waiter);
          wait.exit_.state().joiners().remove(wait);
        },
    .interrupt = nullptr,
    .awaited = [](const Waiter& waiter) noexcept -> FutureBase* {
      return &static_cast<const ExitWait&>(waiter).exit_.state();
    },
};

void ExitWait::take_over_context() const {
  const Context& context = exit_.state().extra_if_any()->context;
  if (!context.empty()) this_thread.task->extra().context = context;
}

ExitWait::~ExitWait() {
  // The loop is closed in the middle of the exit. Its coroutine uses what stands in the frames that go now, and so it
  // goes before them.
  if (!exit_.done()) exit_.state().destroy_pending();
}

}  // namespace asyncio::inline ASYNCIO_ABI
