// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/context.h>
#include <asyncio/detail/loop_core.h>
#include <asyncio/detail/this_thread.h>

#include <source_location>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

template <class T>
class NewTaskOf final : public NewTask {
 public:
  NewTaskOf(LoopCore& loop, Coro<T> coro, const TaskOptions& given, const std::source_location& definition,
            const std::source_location& site)
      : NewTask(loop, given, definition, site), coro_(std::move(coro)) {}
  ~NewTaskOf() { coro_.close(); }

  Task<T> start_it() { return Task<T>(static_cast<TaskState<T>&>(start_by_factory())); }

 private:
  TaskBase& make(bool eager) override { return *new TaskState<T>(*loop_, coro_, creation(), eager); }

  Coro<T> coro_;
};

// Whether there is a name, a context, an eager start or a task factory, which most tasks do without.
inline bool needs_options(const LoopCore& loop, const TaskOptions& options) {
  const bool may_inherit = this_thread.context != nullptr || this_thread.task == nullptr || !this_thread.task->plain();
  return (may_inherit && Context::any_values()) || loop.has_task_factory || options.context != nullptr ||
         options.eager_start.has_value() || !options.name.empty();
}

// Never inline: it would make the frame of each coroutine that starts tasks larger.
template <class T>
[[gnu::noinline, gnu::cold]] Task<T> start_task_with(LoopCore& loop, Coro<T> coro, const TaskOptions& options,
                                                     const std::source_location& site) {
  const std::source_location definition = coro.definition();
  return NewTaskOf<T>(loop, std::move(coro), options, definition, site).start_it();
}

template <class T>
Task<T> start_task(LoopCore& loop, Coro<T> coro, const TaskOptions& options, const std::source_location& site) {
  coro.require_unused();
  if (detail::needs_options(loop, options)) [[unlikely]]
    return start_task_with(loop, std::move(coro), options, site);
  return Task<T>(*new TaskState<T>(loop, coro, site));
}

}  // namespace detail

template <class T>
Task<T> create_task(Coro<T> coro, const TaskOptions& options, const std::source_location& site) {
  if (detail::this_thread.loop == nullptr) [[unlikely]]
    detail::refuse_task(coro.release(), site);
  return detail::start_task(*detail::this_thread.loop, std::move(coro), options, site);
}

template <Awaitable A>
  requires(!detail::IsCoro<std::remove_cvref_t<A>>)
auto create_task(A&& awaitable, const TaskOptions& options, const std::source_location& site) {
  return asyncio::create_task(detail::as_coro(std::forward<A>(awaitable)), options, site);
}

template <class F, class... Args>
  requires detail::CallableLater<F, Args...>
auto create_task(const TaskOptions& options, F&& f, Args&&... args) {
  return asyncio::create_task(detail::own_call(std::forward<F>(f), std::forward<Args>(args)...), options);
}

template <class F, class... Args>
  requires detail::CallableLater<F, Args...>
auto create_task(F&& f, Args&&... args) {
  return asyncio::create_task(TaskOptions{}, std::forward<F>(f), std::forward<Args>(args)...);
}

}  // namespace asyncio::inline ASYNCIO_ABI
