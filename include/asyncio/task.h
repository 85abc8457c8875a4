// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/future.h>
#include <asyncio/task_factory.h>

#include <concepts>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

template <class T>
class TaskState final : public ValueState<T, TaskBase> {
 public:
  TaskState(LoopCore& loop, Coro<T>& coro, const std::source_location& creation, bool eager = false) noexcept
      : ValueState<T, TaskBase>(loop, *coro.release(), creation, eager) {}
  static void* operator new(std::size_t size) { return FramePool::get(size); }
  static void operator delete(void* memory, std::size_t size) noexcept { FramePool::put(memory, size); }

 private:
  ~TaskState() = default;
  void destroy() noexcept override {
    this->before_destroy(this->result.exception());
    delete this;
  }

  void settle() noexcept override {
    CoroPromise<T>& body = static_cast<CoroPromise<T>&>(*std::exchange(this->innermost_, nullptr));
    if constexpr (std::is_nothrow_move_constructible_v<ResultSlot<T>>) {
      this->result.take_from(body.result_);
    } else {
      try {
        this->result.take_from(body.result_);
      } catch (...) {
        this->result.fail(std::current_exception());
      }
    }
    body.handle().destroy();
    if (this->result.state() == ResultSlot<T>::State::exception) [[unlikely]] {
      this->end_with(this->result.exception());
    } else {
      this->end();
    }
  }
  void settle_cancelled(std::exception_ptr error) noexcept override {
    this->result.fail(std::move(error));
    this->end_with(this->result.exception());
  }
};

// Runs an awaitable as a coroutine of its own.
template <class A>
Coro<AwaitResult<A>> as_coro(A awaitable) {
  co_return co_await std::move(awaitable);
}
template <class T>
Coro<T> as_coro(Coro<T> coro) {
  return coro;
}

// What a coroutine gives that a callable has returned.
template <class Returned>
struct ValueOfCall {
  static_assert(Awaitable<Returned>,
                "the callable must be a coroutine: let it return asyncio::Coro, and end with co_return;");
  using type = void;
};
template <Awaitable Returned>
struct ValueOfCall<Returned> {
  using type = AwaitResult<Returned>;
};

// Calls f(args...) and awaits what it gives, owning all of them meanwhile.
template <class F, class... Args>
auto call_owned(F f, Args... args) -> Coro<typename ValueOfCall<CallOnceResult<F, Args...>>::type> {
  co_return co_await detail::call_once(f, args...);
}
template <class F, class... Args>
auto own_call(F&& f, Args&&... args) {
  check_call_later<F, Args...>();
  return detail::call_owned(std::decay_t<F>(std::forward<F>(f)), std::decay_t<Args>(std::forward<Args>(args))...);
}

}  // namespace detail

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
// Awaiting an lvalue gives const T&, which lives as long as a handle; awaiting an rvalue gives T, moved where this was the only handle.
// For the loop's thread only. Python: asyncio.Task.
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
    return state().result.get();
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

// Starts a coroutine as a task of the running loop: it runs in its turn, not inside the call (unless eager_start).
// Throws RuntimeError where no loop runs, and the coroutine is closed then; and for a coroutine that has been awaited, or
// given away, before.
template <class T>
Task<T> create_task(Coro<T> coro, const TaskOptions& options = {},
                    const std::source_location& site = std::source_location::current()) {
  if (detail::this_thread.loop == nullptr) [[unlikely]]
    detail::refuse_task(coro.release(), site);
  return detail::start_task(*detail::this_thread.loop, std::move(coro), options, site);
}

// The same for any awaitable: a future, the awaiter of q.get(), a foreign one.
template <Awaitable A>
  requires(!detail::IsCoro<std::remove_cvref_t<A>>)
auto create_task(A&& awaitable, const TaskOptions& options = {},
                 const std::source_location& site = std::source_location::current()) {
  return asyncio::create_task(detail::as_coro(std::forward<A>(awaitable)), options, site);
}

// Calls f(args...), which gives a coroutine, in the new task. The task owns copies of f and its arguments, as std::thread
// does: the way to start a lambda with captures. What f takes by reference, to change it, is given as std::ref(x).
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

// The task that runs now; false in a plain callback and outside of the loop.
AnyTask current_task();

// The tasks of the running loop that have not ended, oldest first. Throws RuntimeError where no loop runs.
std::vector<AnyTask> all_tasks();

}  // namespace asyncio::inline ASYNCIO_ABI
