// SPDX-License-Identifier: MIT
#include "loop/task_extra.h"

#include <asyncio/task.h>

#include "base/names.h"

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

std::string detail::name_of(const TaskBase& task) {
  const TaskExtra* extra = task.extra_if_any();
  if (extra != nullptr && !extra->name.empty()) return extra->name;
  return "Task-" + std::to_string(task.number());
}

std::string detail::describe(const FutureBase& future) {
  const TaskBase* task = future.as_task();
  return task != nullptr ? "task '" + name_of(*task) + "'" : "the future";
}

std::string detail::describe_stranger(const FutureBase& future) {
  const TaskBase* task = future.as_task();
  return task != nullptr ? "the task" + describe_creation(task->creation(), " created in ") : "the future";
}

std::string AnyTask::name() const { return name_of(state()); }

void AnyTask::set_name(std::string_view name) const {
  require_own_thread(state().loop(), "Task.set_name");
  state().extra().name = name;
}

}  // namespace asyncio::inline ASYNCIO_ABI
