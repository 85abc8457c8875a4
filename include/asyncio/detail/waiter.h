// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/task_base.h>

namespace asyncio::inline ASYNCIO_ABI::lowlevel {

inline void Waiter::wake() noexcept { task_->loop_->ready.push(*task_); }

inline void Waiter::wake_now() noexcept {
  task_->keep_nothing();
  task_->run_now();
}

inline void Waiter::check_all() {
  if (kind_ == &interrupted || task_->interrupts_ != 0) [[unlikely]]
    throw_interrupted();
}

inline void Waiter::park() {
  detail::TaskBase& task = *detail::this_thread.task;
  task_ = &task;
  task.keep(this);
  if (task.interrupts_ != 0) [[unlikely]]
    task.look_before_parking();
}

}  // namespace asyncio::inline ASYNCIO_ABI::lowlevel
