// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <string>

namespace asyncio::inline ASYNCIO_ABI::detail {

class TaskBase;

// What a wait has passed on of the cancels of its task to what it waits for, and must tell of when that has ended.
class PassedOn {
 public:
  // Takes what interrupts the task now. Gives the text of the request, for those that it is passed on to.
  std::string take(TaskBase& task) noexcept;

  bool any() const { return requested_ || by_scope_; }
  bool requested() const { return requested_; }  // by cancel(), and not only by a CancelScope
  bool by_scope() const { return by_scope_; }
  // Of the latest request that had one: a deadline that passes later says nothing.
  const std::string& message() const { return message_; }

  // Nobody took notice of the request: the task meets it at its next wait.
  void restore(TaskBase& task) const noexcept;
  // Throws the CancelledError that the task is to get for it.
  [[noreturn]] void raise(TaskBase& task) const;

 private:
  std::string message_;
  bool requested_ = false;
  bool by_scope_ = false;
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
