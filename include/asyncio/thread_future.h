// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/chrono.h>
#include <asyncio/detail/bound_callback.h>
#include <asyncio/detail/duration.h>
#include <asyncio/detail/thread_future_state.h>
#include <asyncio/event_loop.h>

#include <concepts>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

// A result that another thread will make, for code that may block: threads, and not tasks.
//
//   ThreadPoolExecutor pool(4);
//   auto size = pool.submit(count_lines, path);          // a thread of the pool makes it
//   auto page = run_coroutine_threadsafe(loop, fetch, url);  // the loop, which another thread runs, makes it
//   std::cout << size.result() << page.result(5s);
//
// A task that needs one awaits wrap_future() of it; result() would block its whole loop.
// Move-only: one future, one owner. Its functions may be called by several threads at once. Dropping it changes
// nothing: the work goes on, and what it gives is dropped, an exception too. One that was moved from throws
// RuntimeError.
// Python: concurrent.futures.Future.
template <class T = void>
class ThreadFuture {
 public:
  explicit ThreadFuture(std::shared_ptr<detail::ThreadFutureState<T>> state) noexcept : state_(std::move(state)) {}
  ThreadFuture(ThreadFuture&&) noexcept = default;
  ThreadFuture& operator=(ThreadFuture&&) noexcept = default;

  // Waits for the result, and gives it: const T& of a future that stays, T of one that goes (`submit(f).result()`,
  // `std::move(future).result()`). Throws the exception of the work, and CancelledError where it was cancelled; with a
  // timeout TimeoutError when it has passed, and everything stays as it was. Throws RuntimeError in the thread of the
  // loop that is to make the result.
  std::add_lvalue_reference_t<const T> result(TimeLimit timeout = {}) const& {
    state()->wait(timeout);
    return state()->get().get();
  }
  T result(TimeLimit timeout = {}) && {
    state()->wait(timeout);
    return state()->get().take();
  }

  // Waits in the same way, and gives the exception; null after a value.
  std::exception_ptr exception(TimeLimit timeout = {}) const {
    state()->wait(timeout);
    return state()->get().exception();
  }

  // Work that has not started never will, and a task is cancelled in its loop; true, and result() throws CancelledError
  // from now on. False where the work runs in a thread, which cannot be interrupted, or has ended.
  bool cancel() const { return state()->cancel(); }

  bool running() const { return state()->running(); }
  bool done() const { return state()->done(); }  // has ended, a cancel included
  bool cancelled() const { return state()->cancelled(); }

  // Calls f() once it has ended, in the thread that ends it, with a copy of the current context; at once where it has.
  // What f throws is printed to standard error.
  template <std::invocable F>
  void add_done_callback(F f) const {
    state()->on_done(
        [f = detail::BoundCallback<void()>(std::move(f))](const detail::ThreadFutureBase&) mutable { f(); });
  }

  const std::shared_ptr<detail::ThreadFutureState<T>>& state() const {
    if (state_ == nullptr) [[unlikely]]
      detail::refuse_empty("ThreadFuture");
    return state_;
  }

 private:
  std::shared_ptr<detail::ThreadFutureState<T>> state_;  // null once moved from
};

// A Future of the loop with the outcome of a ThreadFuture. Cancelling it cancels that one; work which runs in a thread
// already goes on unseen. Python: asyncio.wrap_future().
template <class T>
Future<T> wrap_future(ThreadFuture<T> source, EventLoop& loop = get_running_loop());

// Runs a coroutine as a task of a loop that another thread runs; from any thread.
//
//   std::thread([&] {
//     auto reply = run_coroutine_threadsafe(loop, ask, "how are you?");
//     std::cout << reply.result(10s);
//   });
//
// The task starts in its turn, with a copy of the calling thread's context. An exception crosses unchanged. cancel() of
// the result cancels the task, and a task that ends cancelled cancels the result: so does a loop that is closed before.
// Where the task cannot be made the result gets the exception, and the loop's exception handler too.
// Throws RuntimeError where the loop is closed, and the coroutine is closed then; and for a coroutine that has been
// awaited, or given away, before. Python: run_coroutine_threadsafe(coro, loop).
template <class T>
ThreadFuture<T> run_coroutine_threadsafe(EventLoop& loop, Coro<T> coro);

// The same for f(args...), which the loop calls; it owns copies of f and its arguments until the coroutine has ended.
template <class F, class... Args>
  requires detail::CallableLater<F, Args...>
auto run_coroutine_threadsafe(EventLoop& loop, F&& f, Args&&... args);

}  // namespace asyncio::inline ASYNCIO_ABI

#include <asyncio/detail/thread_future.h>
