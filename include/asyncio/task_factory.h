// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>
#include <asyncio/detail/callback.h>
#include <asyncio/detail/shared.h>

#include <concepts>
#include <cstddef>
#include <optional>
#include <source_location>
#include <string_view>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

class AnyTask;
class Context;
class EventLoop;

namespace detail {

struct LoopCore;
class TaskBase;

}  // namespace detail

// How a task starts. Views are copied by create_task().
struct TaskOptions {
  std::string_view name = {};
  const Context* context = nullptr;  // run in this one, shared; null: in a copy of the creator's
  // Run up to the first suspension before create_task() returns, with current_task() and the context of the new task.
  // One that ends there never meets the loop: it is done when create_task() returns. Where its loop does not run, or a
  // hundred such starts are inside each other, the task starts in its turn.
  std::optional<bool> eager_start = {};  // nothing: as the loop's task factory says, and else false
};

// A task that is about to be made, as the loop's task factory gets it.
class NewTask {
 public:
  NewTask(const NewTask&) = delete;
  NewTask& operator=(const NewTask&) = delete;

  TaskOptions options;  // those of create_task(); the factory may change them

  // The coroutine function, and the place of the create_task().
  const std::source_location& definition() const { return definition_; }
  const std::source_location& creation() const { return creation_; }

  // Makes the task, with the options as they are now, and gives it. Throws RuntimeError the second time. A factory that
  // does not call it leaves that to create_task().
  AnyTask start();

 protected:
  NewTask(detail::LoopCore& loop, const TaskOptions& given, const std::source_location& definition,
          const std::source_location& creation)
      : options(given), loop_(&loop), definition_(definition), creation_(creation) {}
  ~NewTask();

  virtual detail::TaskBase& make(bool eager) = 0;

  // Lets the factory, if there is one, start the task.
  detail::TaskBase& start_by_factory();

  detail::LoopCore* loop_;

 private:
  detail::TaskBase* made_ = nullptr;  // retained
  std::source_location definition_;
  std::source_location creation_;
};

// Asked for each task that a loop makes, whoever asks for the task: create_task(), gather(), a TaskGroup, run().
//
//   loop.set_task_factory(eager_task_factory);
//   loop.set_task_factory([&](EventLoop&, NewTask& task) {
//     count_of[task.definition().function_name()] += 1;                 // looks on, or
//     if (task.options.name.empty()) task.options.name = "anonymous";   // decides how the task starts, or
//     started.push_back(task.start());                                  // has the task itself
//   });
//
// Any callable of (EventLoop&, NewTask&), owned; copies share it. What it throws comes out of create_task(), and the
// coroutine is closed if it had not been started. False where it is empty. Python: loop.set_task_factory().
class TaskFactory {
 public:
  TaskFactory() = default;
  TaskFactory(std::nullptr_t) {}
  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, TaskFactory> &&
             std::invocable<std::decay_t<F>&, EventLoop&, NewTask&>)
  TaskFactory(F&& callable) : callable_(detail::Ref<Shared>::adopt(*new Shared(std::forward<F>(callable)))) {}

  explicit operator bool() const { return static_cast<bool>(callable_); }
  void operator()(EventLoop& loop, NewTask& task) const { callable_->value(loop, task); }

 private:
  using Shared = detail::SharedValue<detail::Callback<void(EventLoop&, NewTask&)>>;

  detail::Ref<Shared> callable_;
};

// The factory of a loop whose tasks all start eagerly, unless create_task() says {.eager_start = false}.
inline void eager_task_factory(EventLoop&, NewTask& task) {
  if (!task.options.eager_start.has_value()) task.options.eager_start = true;
}

}  // namespace asyncio::inline ASYNCIO_ABI
