// SPDX-License-Identifier: MIT
#include <asyncio/detail/scope_link.h>

#include "loop/task_extra.h"

#include <cstdint>
#include <utility>

// Theory of operation. The scopes of a task are a list from the innermost outwards, which starts at TaskExtra::scope.
// All that a park looks at is the level bit of TaskBase::interrupts_: it is set exactly while deciding() finds a scope.
// Whatever may change that (enter, leave, cancel, a shield) ends with TaskBase::look_at_scopes(), which sets or clears
// the bit, and interrupts the task's wait when the bit is new. A wait that stays parked all the same, because it has
// passed the cancel on, is not told again by a second scope: to it nothing is new.

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

namespace {
// The scope whose error a wait inside of `innermost` throws: the outermost cancelled one that no shield hides.
const ScopeLink* deciding(const ScopeLink* innermost) noexcept {
  const ScopeLink* found = nullptr;
  for (const ScopeLink* scope = innermost; scope != nullptr; scope = scope->outer) {
    if (scope->cancelled) found = scope;
    if (scope->shield) break;
  }
  return found;
}
}  // namespace

void ScopeLink::enter(TaskBase& task) { outer = std::exchange(task.extra().scope, this); }

void ScopeLink::leave(TaskBase& task) noexcept {
  ScopeLink** place = &task.extra().scope;
  while (*place != this) place = &(*place)->outer;
  *place = outer;
}

void TaskBase::look_at_scopes() noexcept {
  const bool was_set = (interrupts_ & level) != 0;
  if (deciding(extra().scope) == nullptr) {
    interrupts_ &= static_cast<std::uint8_t>(~level);
    return;
  }
  interrupts_ |= level;
  if (!was_set && waiter() != nullptr) interrupt_parked();
}

const void* TaskBase::deciding_scope() const noexcept {
  const ScopeLink* found = plain() ? nullptr : deciding(extra_if_any()->scope);
  return found != nullptr ? found->source : nullptr;
}

}  // namespace asyncio::inline ASYNCIO_ABI
