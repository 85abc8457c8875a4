// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

namespace asyncio::inline ASYNCIO_ABI::detail {

class TaskBase;

// A CancelScope as its task sees it: the scopes that a task is in are a list, from the innermost outwards. After a
// change of what it says TaskBase::look_at_scopes() is to be called.
struct ScopeLink {
  // `name` is what CancelledError::source() gives.
  ScopeLink(const void* name, bool is_shield, bool is_cancelled = false)
      : source(name), cancelled(is_cancelled), shield(is_shield) {}
  ScopeLink(const ScopeLink&) = delete;
  ScopeLink& operator=(const ScopeLink&) = delete;

  // As the innermost. Throws std::bad_alloc.
  void enter(TaskBase& task);
  // It need not be the innermost: a generator may be dropped in the middle of a block of its own.
  void leave(TaskBase& task) noexcept;

  const void* const source;
  ScopeLink* outer = nullptr;
  bool cancelled;
  bool shield;  // hides those around it
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
