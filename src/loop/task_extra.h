// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/context.h>
#include <asyncio/lowlevel/waiter.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI::detail {

struct ScopeLink;
struct Traceback;

// What few tasks have; made when first needed.
struct TaskExtra {
  std::uint64_t number = 0;
  std::string name = {};            // empty: "Task-<number>"
  std::string cancel_message = {};  // of the request that is to be delivered
  Context context = {};
  ScopeLink* scope = nullptr;            // the innermost that the task is in
  const void* interrupted_by = nullptr;  // the scope that interrupted its last wait; null: a request of cancel()
  std::shared_ptr<const Traceback> traceback = {};  // of the exception that it ended with; null where nothing is known
};

// What Task::name() says.
std::string name_of(const TaskBase& task);
// For messages: "task 'reader'", or "the future".
std::string describe(const FutureBase& future);
// The same of one that belongs to another loop, whose thread may be at work on it: what never changes.
std::string describe_stranger(const FutureBase& future);

// While one lives, what runs belongs to a task, though it is no step of it: it has the context of the task, and is told
// that this is the current one.
class OnBehalfOf {
 public:
  explicit OnBehalfOf(TaskBase& task) noexcept
      : task_(std::exchange(this_thread.task, &task)), context_(std::exchange(this_thread.context, nullptr)) {}
  OnBehalfOf(const OnBehalfOf&) = delete;
  ~OnBehalfOf() {
    this_thread.task = task_;
    this_thread.context = context_;
  }

 private:
  TaskBase* task_;
  Context* context_;
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
