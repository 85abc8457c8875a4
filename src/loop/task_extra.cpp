// SPDX-License-Identifier: MIT
#include "loop/task_extra.h"

#include <asyncio/task.h>

#include <cstdint>
#include <string>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

TaskExtra& TaskBase::extra() {
  if (plain()) {
    set_extra(*new TaskExtra);
  }
  return *reinterpret_cast<TaskExtra*>(identity_);
}

void TaskBase::set_extra(TaskExtra& made) noexcept {
  made.number = static_cast<std::uint64_t>(identity_ >> 1);
  identity_ = reinterpret_cast<std::uintptr_t>(&made);
}

const TaskExtra* TaskBase::extra_if_any() const noexcept {
  return plain() ? nullptr : reinterpret_cast<const TaskExtra*>(identity_);
}

std::uint64_t TaskBase::number() const { return plain() ? identity_ >> 1 : extra_if_any()->number; }

std::string AnyTask::name() const {
  const TaskExtra* extra = state().extra_if_any();
  if (extra != nullptr && !extra->name.empty()) return extra->name;
  return "Task-" + std::to_string(state().number());
}

void AnyTask::set_name(std::string_view name) const {
  require_own_thread(state().loop(), "Task.set_name");
  state().extra().name = name;
}

}  // namespace asyncio::inline ASYNCIO_ABI
