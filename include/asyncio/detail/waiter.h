// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/task_base.h>

namespace asyncio::inline ASYNCIO_ABI::lowlevel {

inline void Waiter::wake() noexcept {
  detail::TaskBase& task = *task_;
  task.waiter_ = nullptr;
  task.loop_->ready.push(task);
}

inline void Waiter::wake_now() noexcept {
  task_->waiter_ = nullptr;
  task_->run_now();
}

inline void Waiter::check_all() {
  if (kind_ == &interrupted || task_->interrupts_ != 0) [[unlikely]]
    throw_interrupted();
}

inline void Waiter::park() {
  detail::TaskBase& task = *detail::this_thread.task;
  task_ = &task;
  task.waiter_ = this;
  if (task.interrupts_ != 0) [[unlikely]]
    task.look_before_parking();
}

}  // namespace asyncio::inline ASYNCIO_ABI::lowlevel
