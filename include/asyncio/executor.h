// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/context.h>
#include <asyncio/event_loop.h>
#include <asyncio/invoke.h>
#include <asyncio/thread_future.h>

#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI {

// Code that blocks, run beside the loop:
//
//   auto text = co_await to_thread(read_whole_file, path);       // in the default executor
//
//   ThreadPoolExecutor pool(4);
//   auto hash = co_await loop.run_in_executor(pool, sha256, std::move(text));
//
// The loop goes on meanwhile. Both own the callable and its arguments: what they capture by reference must outlive the
// work, which a cancel does not end once it has begun. The callable runs in another thread: it must not touch tasks,
// primitives or the loop, but for call_soon_threadsafe() and run_coroutine_threadsafe().

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
  ThreadFuture<CallResult<F, Args...>> submit(F&& f, Args&&... args);

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
// Work is taken first in, first out. The destructor waits for all of it. Any thread may use it, those of the pool too.
class ThreadPoolExecutor final : public Executor {
 public:
  // At most `max_workers` threads, by default min(32, processors + 4). They are called "<prefix>_0" and so on, cut to
  // the 15 bytes that the system keeps. Each calls initializer() first: if that throws, the pool is broken, and all of
  // its work ends with BrokenThreadPool. Throws ValueError where max_workers < 1.
  explicit ThreadPoolExecutor(int max_workers = default_workers(), std::string_view thread_name_prefix = "asyncio",
                              Callback<void()> initializer = {});
  ThreadPoolExecutor(ThreadPoolExecutor&&) noexcept;
  ~ThreadPoolExecutor() override;  // shutdown({})

  void post(std::unique_ptr<Work> work) override;

  // Without `wait` returns at once; the threads do what is left, and end. May be called again to wait after all. Throws
  // RuntimeError where a thread of the pool itself would wait.
  void shutdown(const ExecutorShutdownOptions& options = {}) override;

  // Done when the threads have ended after a shutdown({.wait = false}).
  ThreadFuture<> ended();

  // As shutdown({.wait = false}), and lets go of the threads: the destructor will not wait either. What they still run
  // goes on, until the program ends.
  void abandon() noexcept;

  static int default_workers();

 private:
  class Pool;

  std::shared_ptr<Pool> pool_;  // shared with its threads; null once moved from
};

// Calls f(args...) in a thread of the loop's default executor, and gives what it returns or throws what it throws.
//
//   auto both = co_await gather(to_thread(read_whole_file, path), to_thread(size_of, path));
//
// f runs with a copy of the task's context: it can read the ContextVars, and what it sets stays there. A cancel throws
// CancelledError at once; a call that has begun goes on, and what becomes of it is dropped. Python: asyncio.to_thread().
template <class F, class... Args>
Coro<CallResult<F, Args...>> to_thread(F&& f, Args&&... args);

template <class R, class Call>
class WorkOf final : public Executor::Work {
 public:
  WorkOf(std::shared_ptr<ThreadFutureState<R>> state, Call call) : state_(std::move(state)), call_(std::move(call)) {}
  ~WorkOf() override { state_->cancel(); }  // without effect where it has run

  void run() noexcept override {
    if (!state_->begin()) return;
    try {
      if constexpr (std::is_void_v<R>) {
        (*call_)();
        state_->result.emplace();
      } else {
        state_->result.emplace((*call_)());
      }
    } catch (...) {
      state_->result.fail(std::current_exception());
    }
    call_.reset();  // what the callable owns has gone when its result is there
    state_->publish();
  }
  void fail(std::exception_ptr error) noexcept override { state_->fail(std::move(error)); }

 private:
  std::shared_ptr<ThreadFutureState<R>> state_;
  std::optional<Call> call_;
};

template <class F, class... Args>
ThreadFuture<CallResult<F, Args...>> Executor::submit(F&& f, Args&&... args) {
  using R = CallResult<F, Args...>;
  static_assert(!Awaitable<R>, "a thread runs plain functions, and this is a coroutine: use create_task()");
  auto call = [f = std::decay_t<F>(std::forward<F>(f)),
               ... args = std::decay_t<Args>(std::forward<Args>(args))]() mutable -> R {
    return asyncio::invoke(f, std::move(args)...);
  };
  auto state = std::make_shared<ThreadFutureState<R>>();
  post(std::make_unique<WorkOf<R, decltype(call)>>(state, std::move(call)));
  return ThreadFuture<R>(std::move(state));
}

template <class F, class Range>
auto Executor::map(F&& f, Range&& range) {
  using Item = decltype(*std::begin(range));
  using R = std::remove_cvref_t<std::invoke_result_t<F&, Item>>;
  std::vector<ThreadFuture<R>> futures;
  // Nothing here may be left while a thread still uses f and the range.
  struct Settle {
    std::vector<ThreadFuture<R>>& futures;
    ~Settle() {
      for (auto& future : futures) future.cancel();
      for (auto& future : futures) future.state()->wait();
    }
  } settle{futures};
  for (auto&& item : range) {
    if constexpr (std::is_lvalue_reference_v<Item>) {
      futures.push_back(submit([&f, &item]() -> R { return asyncio::invoke(f, item); }));
    } else {  // the range makes its elements, as std::views::iota does
      futures.push_back(
          submit([&f, item = std::move(item)]() mutable -> R { return asyncio::invoke(f, std::move(item)); }));
    }
  }
  if constexpr (std::is_void_v<R>) {
    for (auto& future : futures) future.result();
  } else {
    std::vector<R> results;
    results.reserve(futures.size());
    for (auto& future : futures) results.push_back(std::move(future).result());
    return results;
  }
}

template <class F, class... Args>
Future<CallResult<F, Args...>> EventLoop::run_in_executor(Executor& executor, F&& f, Args&&... args) {
  check_executor_call();
  return wrap_future(executor.submit(std::forward<F>(f), std::forward<Args>(args)...), *this);
}

template <class F, class... Args>
Future<CallResult<F, Args...>> EventLoop::run_in_executor(Executor* executor, F&& f, Args&&... args) {
  check_executor_call();
  return run_in_executor(executor != nullptr ? *executor : default_executor(), std::forward<F>(f),
                         std::forward<Args>(args)...);
}

template <class Call>
Future<CallResult<Call>> call_in_thread(Call& call) {
  return get_running_loop().run_in_executor(
      nullptr, [call = std::move(call), context = Context::current()]() mutable { return context.run(call); });
}

template <class Call>
Coro<CallResult<Call>> run_in_thread(Call call) {
  auto future = call_in_thread(call);
  co_return co_await std::move(future);
}

template <class F, class... Args>
Coro<CallResult<F, Args...>> to_thread(F&& f, Args&&... args) {
  using R = CallResult<F, Args...>;
  static_assert(!Awaitable<R>, "a thread runs plain functions, and this is a coroutine: use create_task()");
  return run_in_thread([f = std::decay_t<F>(std::forward<F>(f)),
                        ... args = std::decay_t<Args>(std::forward<Args>(args))]() mutable -> R {
    return asyncio::invoke(f, std::move(args)...);
  });
}

}  // namespace asyncio::inline ASYNCIO_ABI
