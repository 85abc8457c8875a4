// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/backend.h>
#include <asyncio/chrono.h>
#include <asyncio/detail/bind_call.h>
#include <asyncio/detail/duration.h>
#include <asyncio/future.h>
#include <asyncio/handle.h>
#include <asyncio/task.h>
#include <asyncio/time_limit.h>

#include <cstdint>
#include <exception>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

class Executor;
class ThreadPoolExecutor;
class VirtualClock;

// How a loop is made.
struct LoopOptions {
  Backend backend = Backend::automatic;  // one that is named and not to be had throws RuntimeError
  bool debug = false;                    // also on where the environment has ASYNCIO_DEBUG=1
  VirtualClock* clock = nullptr;         // the time of the loop; null: the system's monotonic clock
};

// What went wrong where nobody could be told; what an exception handler is given.
struct ExceptionContext {
  std::string message;
  std::exception_ptr exception = nullptr;
  AnyTask task = {};
  Handle handle = {};
  std::string extra = {};  // more lines: where the task waited, where a coroutine was made
};

// Runs tasks and callbacks, one after the other, in the thread that runs it.
//
//   EventLoop loop;
//   loop.call_later(1s, [] { std::puts("a second later"); });
//   loop.run_until_complete(async_main());
//
// Programs seldom need it: run() (run.h) makes one, and create_task(), sleep() and the rest use the running one.
//
// Order: what is ready runs first in, first out. An iteration is the run of all that was ready at its start; what that
// makes ready runs in the next one. The kernel is asked for events, and the clock is read, when nothing is ready, and
// else about every 500 microseconds or 256 steps, whichever comes first, so that nothing starves. Timers that are due
// are queued by deadline, those of one deadline in the order in which they were made. A loop that has nothing else to
// do wakes up for timers once in 50 microseconds at most; what is due within that time shares the wake-up.
// Threads: only call_soon_threadsafe(), run_coroutine_threadsafe() and the handles they give may be used from another
// thread than the one that runs the loop. In debug mode each other call of the library that would change something
// throws RuntimeError there, and has changed nothing. Not checked are what only asks (done(), result(), qsize()),
// destructors, call_exception_handler(), what stands under "for awaiters" below (arm(), disarm(), push_idle()), and a
// primitive while nobody waits for it, because it belongs to no loop then.
// fork(): a loop stays with the process that made it. What called fork() inside of it goes on in the child, outside of
// any loop, and may run one of its own; where it would have to wait, start a task or call the loop, RuntimeError is
// thrown. When it has returned to the loop, run_forever() throws that. The tasks of the parent neither run nor end in
// the child, what they own is not destroyed there, and signals do there what they do by default.
// Exceptions that nobody else can get go to the exception handler, by default to standard error; SystemExit and
// KeyboardInterrupt leave run_forever() at once, with the rest of the work still queued.
// Lifetime: everything that was made with a loop may outlive it. What then needs a loop throws RuntimeError, or, where
// nothing can come of it any more, has no effect; tasks have ended as cancelled, and what has ended keeps its result.
// Python: asyncio.EventLoop.
//
// Its members are in src/loop/, event_loop.cpp and loop_state.cpp; those of one matter alone where it is said below.
class EventLoop : private detail::LoopCore {
 public:
  explicit EventLoop(const LoopOptions& options = {});
  EventLoop(const EventLoop&) = delete;  // a copy is not what you want: auto& loop = get_running_loop();
  EventLoop& operator=(const EventLoop&) = delete;
  // Closes it. Not in one of its own steps: that ends the program. Where std::exit() was called in one, and the loop is
  // a global, its descriptors and threads are let go, and the tasks end without their frames being destroyed, as the
  // variables of functions are not by std::exit().
  ~EventLoop();

  // --- running

  // Runs until stop(). Throws RuntimeError where this loop runs already, another runs in this thread, or it is closed.
  void run_forever();

  // Runs until the coroutine, task or future has ended, and gives its value, or throws its exception. RuntimeError
  // where the loop was stopped before that.
  template <Awaitable A>
  AwaitResult<A> run_until_complete(A&& awaitable);

  // The same, and leaves the outcome where it is.
  void run_until_done(detail::FutureBase& future);

  // Ends run_forever() once what is ready now has run. Before run_forever(): has it run one iteration, without waiting.
  void stop();

  // Destroys what is queued, and every task that has not ended, with a report. Twice is once. RuntimeError while it
  // runs.
  void close();

  bool is_running() const;
  bool is_closed() const;

  // --- callbacks (handle.cpp). f is called as f(args...), in a copy of the current context; the loop owns copies of f
  // and its arguments. What f takes by reference, to change it, is given as std::ref(x).

  // In its turn, never inside the call.
  template <class F, class... Args>
  Handle call_soon(F&& f, Args&&... args) {
    return soon(detail::bind_call(std::forward<F>(f), std::forward<Args>(args)...));
  }
  // After a delay; one of 0 or less is call_soon().
  template <class Rep, class Period, class F, class... Args>
  TimerHandle call_later(std::chrono::duration<Rep, Period> delay, F&& f, Args&&... args) {
    return at(deadline_after(detail::to_nanoseconds(delay)),
              detail::bind_call(std::forward<F>(f), std::forward<Args>(args)...));
  }
  // At a time of the loop's clock.
  template <class F, class... Args>
  TimerHandle call_at(TimePoint when, F&& f, Args&&... args) {
    return at(when, detail::bind_call(std::forward<F>(f), std::forward<Args>(args)...));
  }
  // From any thread, a signal handler excepted; wakes the loop. Throws RuntimeError where the loop is closed.
  template <class F, class... Args>
  ThreadsafeHandle call_soon_threadsafe(F&& f, Args&&... args) {
    return soon_threadsafe(detail::bind_call(std::forward<F>(f), std::forward<Args>(args)...));
  }

  // --- file descriptors (fd_table.cpp). For what has no stream: a library that brings its own sockets, a device.

  // Calls f(args...) whenever `fd` can be read from, which includes its end and its errors: at every poll of the
  // kernel, until f has read what there is, or the reader is removed. A second add replaces the first. The descriptor
  // stays the caller's, who removes the reader before the close(). Throws ValueError where it is not open, RuntimeError
  // where a stream uses it, or a task waits for it (lowlevel::readable()), std::system_error (EPERM) for what is always
  // ready, such as a regular file.
  template <class F, class... Args>
  void add_reader(int fd, F&& f, Args&&... args) {
    watch(fd, false, detail::bind_repeated_call(std::forward<F>(f), std::forward<Args>(args)...));
  }
  // The same for writing. A reader and a writer of one descriptor have nothing to do with each other.
  template <class F, class... Args>
  void add_writer(int fd, F&& f, Args&&... args) {
    watch(fd, true, detail::bind_repeated_call(std::forward<F>(f), std::forward<Args>(args)...));
  }
  // From here on it is not called, not even if it is due already. Whether there was one; RuntimeError where a stream
  // uses the descriptor, or a task waits for it.
  bool remove_reader(int fd);
  bool remove_writer(int fd);

  // The loop's clock: monotonic, and the virtual one in tests.
  TimePoint time() const;
  // now + delay, as far as the clock reaches.
  TimePoint deadline_after(std::chrono::nanoseconds delay) const;

  // --- tasks and futures

  template <class T = void>
  Future<T> create_future() {
    return Future<T>(*this);
  }
  // Also while the loop does not run yet. Throws RuntimeError where it is closed; the coroutine is closed then.
  template <class T>
  Task<T> create_task(Coro<T> coro, const TaskOptions& options = {},
                      const std::source_location& site = std::source_location::current()) {
    try {
      require_task_starts_here();
    } catch (...) {
      coro.close();
      throw;
    }
    return detail::start_task(*this, std::move(coro), options, site);
  }

  // Has each new task started by `factory` (task_factory.h); an empty one ends that.
  void set_task_factory(TaskFactory factory);
  const TaskFactory& get_task_factory() const;

  // --- threads (src/threads/executor.cpp); include executor.h to call these

  // Has f(args...) called by a thread of `executor`, which must live until the call has begun; null: of the default
  // executor, a pool of min(32, processors + 4) threads, made when first needed. Gives a future with what it returns or
  // throws. The executor owns f and its arguments. Cancelling the future cancels a call that has not begun; one that
  // has goes on, and what becomes of it is dropped. Throws RuntimeError where the executor or the loop has ended.
  template <class F, class... Args>
  Future<detail::CallResult<F, Args...>> run_in_executor(Executor& executor, F&& f, Args&&... args);
  template <class F, class... Args>
  Future<detail::CallResult<F, Args...>> run_in_executor(Executor* executor, F&& f, Args&&... args);

  // Replaces the default executor, whose threads do what they have, unseen. Only a pool of threads can be one. Throws
  // RuntimeError where the loop is closed.
  void set_default_executor(ThreadPoolExecutor executor);

  // Waits, without blocking the loop, until the threads of the default executor have done all their work and ended;
  // there is none afterwards. With a timeout goes on without them after that time, with a report. Runner::close() does
  // it.
  Coro<> shutdown_default_executor(TimeLimit timeout = {});

  // --- signals (signals.cpp)

  // Has the loop call f(args...) after each `signal` that the process gets; signals that come in quick succession may
  // share a call. f is a callback like any other, and may do what those may. Replaces an earlier handler. System calls
  // are restarted. Only for the main thread: RuntimeError in another one. ValueError for a number that is no signal,
  // RuntimeError for one that cannot be caught (SIGKILL, SIGSTOP).
  template <class F, class... Args>
  void add_signal_handler(int signal, F&& f, Args&&... args) {
    set_signal_handler(signal, detail::bind_repeated_call(std::forward<F>(f), std::forward<Args>(args)...));
  }
  // Restores what the system does by default; a call that is queued is dropped. False where there was no handler.
  // close() removes all.
  bool remove_signal_handler(int signal);

  // --- what goes wrong (report.cpp)

  using ExceptionHandler = detail::Callback<void(EventLoop&, const ExceptionContext&)>;
  void set_exception_handler(ExceptionHandler handler);  // an empty one restores the default
  // In the context of the task, else of the callback, that it is told of, else in the current one.
  void call_exception_handler(const ExceptionContext& context) noexcept;
  void default_exception_handler(const ExceptionContext& context);  // prints to standard error

  // --- debugging: threads are checked, and steps that take longer than slow_callback_duration are reported
  bool get_debug() const { return debug; }
  void set_debug(bool on);
  std::chrono::nanoseconds slow_callback_duration = std::chrono::milliseconds(100);

  Backend backend() const;  // the one that was taken: epoll or io_uring

  // --- for awaiters

  // Has `timer` fire at a time; it must not be armed.
  void arm(lowlevel::Timer& timer, TimePoint when);
  void disarm(lowlevel::Timer& timer) noexcept;  // without effect where it is not armed

  // Puts a waiter where it is woken once nothing else is ready.
  void push_idle(lowlevel::LinkedWaiter& waiter) noexcept;

  // The threads of run_in_executor(nullptr, ...), made when first needed. Throws RuntimeError where the loop or they
  // have ended.
  Executor& default_executor();
  // Runs lookups of names, which may take long, in threads of their own: a busy default executor does not delay them.
  Executor& resolver();

  static EventLoop& of(detail::LoopCore& core) { return static_cast<EventLoop&>(core); }
  struct State;
  State& state() const { return *state_; }

 private:
  friend LoopCore& detail::core_of(EventLoop& loop) noexcept;

  Handle soon(detail::Callback<void()>&& callback);
  TimerHandle at(TimePoint when, detail::Callback<void()>&& callback);
  ThreadsafeHandle soon_threadsafe(detail::Callback<void()>&& callback);
  void watch(int fd, bool writing, detail::Callback<void()> callback);
  void set_signal_handler(int signal, detail::Callback<void()> callback);
  void call_exception_handler_here(const ExceptionContext& context) noexcept;
  void check_executor_call() const;
  void require_open() const;
  void require_startable() const;  // open, and neither this loop nor another runs in this thread
  void require_task_starts_here() const;
  void drop_frames(detail::Link& ended) noexcept;  // what close() does with the tasks,
  void let_go() noexcept;                          // and with the rest
  void leave_behind() noexcept;

  State* state_;  // its own; stays where the loop is left behind
};

// The loop that runs in this thread. Throws RuntimeError where none does.
EventLoop& get_running_loop();

}  // namespace asyncio::inline ASYNCIO_ABI

#include <asyncio/detail/event_loop.h>
