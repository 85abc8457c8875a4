// SPDX-License-Identifier: MIT
#include <asyncio/shield.h>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

const WaitKind ShieldBase::kind{
    .reason = "shield",
    .remove = [](Waiter& waiter) noexcept { static_cast<ShieldBase&>(waiter).unlink(); },
    .awaited = [](const Waiter& waiter) noexcept { return static_cast<const ShieldBase&>(waiter).state_.get(); },
};

void ShieldBase::join() {
  if (state_.get() == this_thread.task) throw RuntimeError("a task cannot await itself");
  if (state_->loop() != this_thread.task->loop())
    throw RuntimeError("awaited in a task of another event loop than its own");
  state_->joiners().push_back(*this);
}

}  // namespace asyncio::inline ASYNCIO_ABI
