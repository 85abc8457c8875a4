// SPDX-License-Identifier: MIT
#include <asyncio/shield.h>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

const WaitKind ShieldBase::kind{
    .reason = "shield",
    .remove =
        [](Waiter& waiter) noexcept {
          ShieldBase& shield = static_cast<ShieldBase&>(waiter);
          shield.state_->joiners().remove(shield);
        },
    .awaited = [](const Waiter& waiter) noexcept { return static_cast<const ShieldBase&>(waiter).state_.get(); },
};

void ShieldBase::join() {
  if (state_.get() == this_thread.task || state_->loop() != this_thread.task->loop()) refuse_join(*state_);
  state_->joiners().push_back(*this);
}

}  // namespace asyncio::inline ASYNCIO_ABI
