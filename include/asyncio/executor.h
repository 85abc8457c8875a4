// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/bind_call.h>
#include <asyncio/detail/callback.h>
#include <asyncio/error.h>
#include <asyncio/thread_future.h>

#include <exception>
#include <memory>
#include <string_view>

namespace asyncio::inline ASYNCIO_ABI {

// Code that blocks, run beside the loop:
//
//   auto text = co_await to_thread(read_whole_file, path);       // in the default executor
//
//   ThreadPoolExecutor pool(4);
//   auto hash = co_await loop.run_in_executor(pool, sha256, std::move(text));
//
// The loop goes on meanwhile. Both own the callable and its arguments. What those refer to must live as long as the
// call: to_thread() sees to that, because it does not go on before the call has ended, not even on a cancel; a future
// of run_in_executor() that is cancelled lets a call that has begun run on. The callable runs in another thread: it
// must not touch tasks, primitives or the loop, but for call_soon_threadsafe() and run_coroutine_threadsafe().

// The pool could not be used any more because its initializer threw.
class BrokenThreadPool : public RuntimeError {
  using RuntimeError::RuntimeError;
};

// How an executor ends.
struct ExecutorShutdownOptions {
  bool wait = true;             // until all work has been done, and its threads have ended
  bool cancel_futures = false;  // what has not started never will
};

// Something that calls functions elsewhere. Python: concurrent.futures.Executor.
class Executor {
 public:
  // One call to be made. Destroying it before that cancels the future that waits for it.
  class Work {
   public:
    Work() = default;
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;
    virtual ~Work() = default;
    virtual void run() noexcept = 0;                           // makes the call, and tells the future
    virtual void fail(std::exception_ptr error) noexcept = 0;  // instead: the future gets this exception
  };

  Executor() = default;
  Executor(const Executor&) = delete;
  virtual ~Executor() = default;

  // Has work->run() called once, sooner or later. What an executor of your own must offer, for any thread to call.
  // Throws RuntimeError after shutdown().
  virtual void post(std::unique_ptr<Work> work) = 0;

  // No more work from here on. By default waits for what has been accepted.
  virtual void shutdown(const ExecutorShutdownOptions& options) = 0;

  // Has f(args...) called, and gives its result. Owns f and its arguments. For code in threads: a task uses
  // EventLoop::run_in_executor(). Throws RuntimeError after shutdown().
  template <class F, class... Args>
  ThreadFuture<detail::CallResult<F, Args...>> submit(F&& f, Args&&... args);

  // Has f(x) called for each x of a range, at the same time as far as there are threads. Waits for all, and gives their
  // results in the order of the range. Throws the first exception in that order; what has not started then never will.
  // f is shared by the threads, and borrowed like the range. Throws RuntimeError after shutdown().
  template <class F, class Range>
  auto map(F&& f, Range&& range);
};

// Threads of its own, made when there is work for which no thread is idle. Python: ThreadPoolExecutor.
//
//   ThreadPoolExecutor pool(4);
//   std::vector<int> sizes = pool.map(size_of, files);
//
// Work is taken first in, first out. The destructor waits for all of it, unless it runs in a thread of the pool itself,
// whose work then goes on behind it. Any thread may use it, those of the pool too. One that was moved from throws
// RuntimeError.
// The child of a fork() has none of the threads: post() throws RuntimeError there, and nothing else has an effect.
class ThreadPoolExecutor final : public Executor {
 public:
  // At most `max_workers` threads, by default min(32, processors + 4). They are called "<prefix>_0" and so on, cut to
  // the 15 bytes that the system keeps. Each calls initializer() first: if that throws, the pool is broken, and all of
  // its work ends with BrokenThreadPool. Throws ValueError where max_workers < 1.
  explicit ThreadPoolExecutor(int max_workers = default_workers(), std::string_view thread_name_prefix = "asyncio",
                              detail::Callback<void()> initializer = {});
  ThreadPoolExecutor(ThreadPoolExecutor&&) noexcept;
  ~ThreadPoolExecutor() override;  // shutdown({})

  void post(std::unique_ptr<Work> work) override;

  // Without `wait` returns at once; the threads do what is left, and end. May be called again to wait after all, and by
  // several threads, of which each returns when the threads have ended. Throws RuntimeError where a thread of the pool
  // itself would wait; nothing has happened then.
  void shutdown(const ExecutorShutdownOptions& options = {}) override;

  // Done when the threads have ended after a shutdown({.wait = false}).
  ThreadFuture<> ended();

  // As shutdown({.wait = false}), and lets go of the threads: the destructor will not wait either. What they still run
  // goes on, until the program ends.
  void abandon() noexcept;

  // How many calls it has accepted that have not ended.
  std::size_t unfinished() const;

  static int default_workers();

 private:
  class Pool;

  Pool& pool() const;

  std::shared_ptr<Pool> pool_;  // shared with its threads; null once moved from
};

// Calls f(args...) in a thread of the loop's default executor, and gives what it returns or throws what it throws.
//
//   auto both = co_await gather(to_thread(read_whole_file, path), to_thread(size_of, path));
//
// One that may take long can ask whether it is still wanted:
//
//   std::size_t count(std::stop_token stop, const Table& table) { if (stop.stop_requested()) return 0; ... }
//
//   std::size_t rows = co_await to_thread(count, std::cref(table));
//
// f runs with a copy of the task's context: it can read the ContextVars, and what it sets stays there. Python:
// asyncio.to_thread().
// A cancel ends a call that has not begun. One that runs cannot be interrupted: it is waited for, so that what f refers
// to stays alive, and then CancelledError is thrown; what f gave or threw is dropped. Where f takes a std::stop_token
// before its other arguments, it gets one of which the cancel requests a stop, and can end earlier. Where the loop is
// closed by force meanwhile nothing is waited for.
template <class F, class... Args>
auto to_thread(F&& f, Args&&... args);

namespace detail {

struct AbandonOnCancel {};

}  // namespace detail

// For a first argument of to_thread().
inline constexpr detail::AbandonOnCancel abandon_on_cancel{};

// As to_thread(), but a cancel throws at once: a call that runs goes on unseen. For a callable that owns all that it
// uses, and may take long.
template <class F, class... Args>
auto to_thread(detail::AbandonOnCancel, F&& f, Args&&... args);

}  // namespace asyncio::inline ASYNCIO_ABI

#include <asyncio/detail/executor.h>
