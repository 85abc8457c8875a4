// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/context.h>
#include <asyncio/coro.h>
#include <asyncio/detail/calls.h>
#include <asyncio/detail/ref.h>
#include <asyncio/detail/task_state.h>
#include <asyncio/task_factory.h>

#include <concepts>
#include <cstdint>
#include <exception>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI {

// A handle to a coroutine that the loop runs, apart from its type. False where it refers to none: what asks it anything
// throws RuntimeError then.
class AnyTask {
 public:
  AnyTask() = default;
  explicit AnyTask(detail::TaskBase* state) noexcept : state_(state) {
    if (state_ != nullptr) state_->retain();
  }
  AnyTask(const AnyTask& other) noexcept : AnyTask(other.state_) {}
  AnyTask(AnyTask&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  AnyTask& operator=(AnyTask other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~AnyTask() {
    if (state_ != nullptr) state_->release();
  }

  explicit operator bool() const { return state_ != nullptr; }
  bool operator==(const AnyTask& other) const { return state_ == other.state_; }

  // Asks the task to end: CancelledError, with this message, is thrown at what it awaits now or next. It may clean up,
  // or catch the error and go on. Where it awaits a task or a future, that one is cancelled, and the error comes when
  // that has ended. A task that has not started never will. False where it has ended already.
  // What has taken effect is not taken back: a task which was woken with a lock, an item or a result keeps it, and the
  // cancel lands at its next suspension; a task that returns before one ends with its value.
  bool cancel(std::string_view message = {}) const {
    detail::require_own_thread(state().loop(), "Task.cancel");
    return state().cancel(message);
  }
  // How many requests to cancel are outstanding: accepted, and not taken back by uncancel().
  int cancelling() const { return state().cancelling(); }
  // Takes one request back, and gives how many are left; at 0 one that was not yet delivered is withdrawn.
  int uncancel() const {
    detail::require_own_thread(state().loop(), "Task.uncancel");
    return state().uncancel();
  }

  bool done() const { return state().done(); }
  // Whether it ended with a CancelledError.
  bool cancelled() const { return state().cancelled(); }
  // The exception that it ended with, null after a value. Throws CancelledError where it was cancelled,
  // InvalidStateError while it runs.
  std::exception_ptr exception() const { return detail::exception_of(state()); }

  // "Task-N" unless it was given another. Python: get_name(), set_name().
  std::string name() const;
  void set_name(std::string_view name) const;
  Context context() const;

  bool remove_done_callback(std::uint64_t token) const { return detail::remove_done_callback(state(), token); }

  // Waits until it has ended, whatever with: `co_await task.ended()` throws nothing of it. An exception is looked at by
  // result() or exception(), or else reported. A cancel of the caller ends the wait, and is not passed on.
  detail::Ended ended() const { return detail::Ended(state()); }

  detail::TaskBase& state() const {
    if (state_ == nullptr) [[unlikely]]
      detail::refuse_empty("Task");
    return *state_;
  }

 protected:
  detail::TaskBase* state_ = nullptr;
};

// A coroutine that runs by itself on the loop, and its result.
//
//   Task<Page> page = create_task(download(url));
//   co_await prepare();             // the download goes on meanwhile
//   show(co_await page);
//
// A handle: copies refer to the same task. It can be awaited by many, many times. Dropping it neither cancels the task
// nor loses its error: the loop owns the task until it ends, and an exception that nobody looked at is reported.
// Awaiting an lvalue gives const T&, which lives as long as a handle; awaiting an rvalue gives T, moved where this was
// the only handle. For the loop's thread only. Python: asyncio.Task.
template <class T = void>
class Task : public AnyTask {
 public:
  using State = detail::TaskState<T>;
  struct promise_type {
    static_assert(sizeof(T*) == 0, "a coroutine cannot return Task<T>: return Coro<T>; create_task() makes a Task<T>");
  };

  Task() = default;  // refers to none
  explicit Task(State& state) noexcept : AnyTask(&state) {}

  // The value; throws its exception, CancelledError where it was cancelled, InvalidStateError while it runs.
  std::add_lvalue_reference_t<const T> result() const {
    state().require_done();
    state().mark_retrieved();
    return state().get();
  }

  // Has the loop call f(task) once it has ended. Gives a token for remove_done_callback().
  template <class F>
    requires std::invocable<std::decay_t<F>&, Task>
  std::uint64_t add_done_callback(F&& callable, Context context = Context::current()) const {
    detail::require_own_thread(state().loop(), "Task.add_done_callback");
    return detail::add_done_callback(state(), *new detail::DoneCallbackOf<Task, std::decay_t<F>>(
                                                  state(), std::move(context), std::forward<F>(callable)));
  }

  detail::Join<State> operator co_await() const& { return detail::Join<State>(state()); }
  detail::JoinOnce<State> operator co_await() const&& { return detail::JoinOnce<State>(state()); }

  State& state() const { return static_cast<State&>(AnyTask::state()); }
};

// Starts a coroutine as a task of the running loop: it runs in its turn, not inside the call (unless eager_start).
// Throws RuntimeError where no loop runs, and the coroutine is closed then; and for a coroutine that has been awaited,
// or given away, before.
template <class T>
Task<T> create_task(Coro<T> coro, const TaskOptions& options = {},
                    const std::source_location& site = std::source_location::current());

// The same for any awaitable: a future, the awaiter of q.get(), a foreign one.
template <Awaitable A>
  requires(!detail::IsCoro<std::remove_cvref_t<A>>)
auto create_task(A&& awaitable, const TaskOptions& options = {},
                 const std::source_location& site = std::source_location::current());

// Calls f(args...), which gives a coroutine, in the new task. The task owns copies of f and its arguments, as
// std::thread does: the way to start a lambda with captures. What f takes by reference, to change it, is given as
// std::ref(x).
template <class F, class... Args>
  requires detail::CallableLater<F, Args...>
auto create_task(const TaskOptions& options, F&& f, Args&&... args);

template <class F, class... Args>
  requires detail::CallableLater<F, Args...>
auto create_task(F&& f, Args&&... args);

// The task that runs now; false in a plain callback and outside of the loop.
AnyTask current_task();

// The tasks of the running loop that have not ended, oldest first. Throws RuntimeError where no loop runs.
std::vector<AnyTask> all_tasks();

}  // namespace asyncio::inline ASYNCIO_ABI

#include <asyncio/detail/task.h>
