// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/link.h>
#include <asyncio/detail/passed_on.h>
#include <asyncio/detail/ref.h>
#include <asyncio/detail/started.h>
#include <asyncio/exception_group.h>
#include <asyncio/task.h>

#include <cstdint>
#include <exception>
#include <source_location>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

// Tasks that belong to a block: it is not left before all of them have ended.
//
//   co_await with(TaskGroup(), [&](TaskGroup& group) -> Coro<> {
//     group.create_task(fetch(first));
//     group.create_task(fetch(second));
//     co_await show_progress();
//   });                                       // both pages are there
//
// So no task outlives what it works on: it may use the variables around the block, and no error gets lost.
//
// Errors. The first task that fails has all others cancelled, and the body of the block too if it still runs:
// CancelledError is thrown at what it awaits. When all have ended, the block throws ExceptionGroup("unhandled errors in
// a TaskGroup"): the errors of the tasks in the order in which they ended, then that of the body. It is a group even
// for one error. A body that throws has the tasks cancelled as well. A CancelledError is never a member: a task that is
// cancelled by somebody, or that ends itself so, does not disturb the others. SystemExit and KeyboardInterrupt leave
// the block bare, once all tasks have ended; what else failed goes to the loop's exception handler then.
// Cancels. Where the task that runs the block is cancelled, all tasks of the group are, and CancelledError leaves the
// block when they have ended, however often it is cancelled meanwhile. If a task fails in that, the ExceptionGroup
// leaves the block, and the CancelledError comes at the next wait. A CancelScope around the block is obeyed likewise.
// with() gives a bool, or a std::optional of what the body gives: false or empty where cancel() ended the block.
//
// Movable until it is entered. For the thread of the loop; any task of it may create tasks in the group. Once it has
// been left it refers to no task and no error. It may outlive its task and its loop, and is over then.
// Python: asyncio.TaskGroup.
class TaskGroup {
 public:
  TaskGroup() = default;
  TaskGroup(TaskGroup&& other) noexcept : aborting_(other.aborting_) {}
  ~TaskGroup();

  // Starts a task in the group: the same overloads as the free create_task(). Throws RuntimeError before the block,
  // after it, and from when its tasks are being cancelled; the coroutine is closed then. The handle may be dropped.
  template <class T>
  Task<T> create_task(Coro<T> coro, const TaskOptions& options = {},
                      const std::source_location& site = std::source_location::current()) {
    if (!accepts()) [[unlikely]] {
      coro.close();
      refuse();
    }
    Task<T> task = asyncio::create_task(std::move(coro), options, site);
    adopt(task);
    return task;
  }
  template <Awaitable A>
    requires(!detail::IsCoro<std::remove_cvref_t<A>>)
  auto create_task(A&& awaitable, const TaskOptions& options = {},
                   const std::source_location& site = std::source_location::current()) {
    return create_task(detail::as_coro(std::forward<A>(awaitable)), options, site);
  }
  template <class F, class... Args>
    requires detail::CallableLater<F, Args...>
  auto create_task(const TaskOptions& options, F&& f, Args&&... args) {
    return create_task(detail::own_call(std::forward<F>(f), std::forward<Args>(args)...), options);
  }
  template <class F, class... Args>
    requires detail::CallableLater<F, Args...>
  auto create_task(F&& f, Args&&... args) {
    return create_task(TaskOptions{}, std::forward<F>(f), std::forward<Args>(args)...);
  }

  // Starts a task that needs a while to get ready, a server, say, and waits until it is:
  //
  //   Coro<> serve(Started<int>& started, Config config) {
  //     Server server = co_await listen(config);
  //     started(server.port());                            // start() gives this, and the task goes on in the group
  //     co_await server.serve_forever();
  //   }
  //
  //   const int port = co_await group.start(serve, config);
  //
  // Calls f(started, args...), and owns f and its arguments. A task that fails before it is started fails start() and
  // not the group; one that returns before, or is cancelled, gives RuntimeError. A cancel of the caller is passed on to
  // the task, and comes when that has ended; if the task starts all the same, start() gives its value, and the cancel
  // lands at the next wait. Where f is a generic lambda V has to be named: start<int>(f). Python: trio's Nursery.start.
  template <class V, class F, class... Args>
  Coro<V> start(F&& f, Args&&... args) {
    check_start<V, F, Args...>();
    return start_owned<V, std::decay_t<F>, std::decay_t<Args>...>(std::forward<F>(f), std::forward<Args>(args)...);
  }
  template <class F, class... Args>
  auto start(F&& f, Args&&... args) {
    return start<typename detail::StartedValueOf<std::decay_t<F>>::type>(std::forward<F>(f),
                                                                         std::forward<Args>(args)...);
  }

  // Cancels the tasks, and the body where it still runs: the block then ends without an exception, unless a task fails
  // or somebody else cancels too. Before the block, its body is cancelled at its first wait. Twice is once, and after
  // the block it has no effect. Python: TaskGroup.cancel().
  void cancel();

  // For with(). RuntimeError where it was entered before.
  void enter_now();
  Coro<bool> exit(std::exception_ptr error);
  static constexpr bool exits_in_place = true;  // a cancel of the exit is one of the tasks

 private:
  friend class detail::TaskGroupChild;
  friend class detail::StartWait;
  class AllEnded;
  enum class Phase : std::uint8_t { unused, body, exiting, over };

  bool accepts() const { return active() && !aborting_ && parent_->loop() == detail::this_thread.loop; }
  // Whether the block is under way; where the loop was closed in the middle of it, its task has ended.
  bool active() const { return parent_ && !parent_->done(); }
  [[noreturn]] void refuse() const;
  detail::TaskGroupChild* adopt(const AnyTask& task);
  void child_ended(detail::TaskGroupChild& child) noexcept;
  void failed(detail::TaskGroupChild& child) noexcept;
  void abort() noexcept;
  void cancel_body() noexcept;
  void take_back_cancel_of_body() noexcept;

  void start_task(detail::StartWait& start, Coro<> body);
  template <class V, class F, class... Args>
  static constexpr void check_start();
  template <class V, class F, class... Args>
  Coro<V> start_owned(F f, Args... args);
  template <class V, class F, class... Args>
  static Coro<> run_started(detail::StartOf<V>& start, F f, Args... args);

  detail::Link children_;                 // those that have not ended, oldest first
  detail::Link failed_;                   // those that have failed, in that order
  detail::Ref<detail::TaskBase> parent_;  // runs the block; null outside of it
  AllEnded* waiting_ = nullptr;           // the exit, while it waits
  std::exception_ptr exit_error_;         // the first SystemExit or KeyboardInterrupt
  detail::PassedOn passed_;               // what interrupted the exit while it waited, and
  std::exception_ptr interruption_;       // the CancelledError for it
  int requests_at_entry_ = 0;             // to cancel parent_, those that had been delivered before the block
  int requests_before_ours_ = 0;
  Phase phase_ = Phase::unused;
  bool aborting_ = false;                // the children have been cancelled; no other may join them
  bool body_cancelled_ = false;          // by a request of ours to parent_, which is to be taken back
  bool request_pending_before_ = false;  // at our request another one had not been delivered yet
};

// What a task that is run by TaskGroup::start() says that it is ready with.
template <class V>
class Started : private detail::StartedBase {
 public:
  explicit Started(detail::StartOf<V>& start) noexcept : StartedBase(start) {}

  // Has start() return `value`. No effect where start() has given up waiting. Throws RuntimeError where it was called
  // before.
  void operator()(V value) {
    detail::StartWait* const start = take_start();
    if (start == nullptr) return;
    static_cast<detail::StartOf<V>*>(start)->value_.emplace(std::move(value));
    start->started();
  }
};
template <>
class Started<void> : private detail::StartedBase {
 public:
  explicit Started(detail::StartOf<void>& start) noexcept : StartedBase(start) {}

  void operator()() {
    if (detail::StartWait* const start = take_start()) start->started();
  }
};

}  // namespace asyncio::inline ASYNCIO_ABI

#include <asyncio/detail/task_group.h>
