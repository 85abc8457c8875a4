// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/awaitable.h>
#include <asyncio/context.h>
#include <asyncio/detail/callback.h>
#include <asyncio/detail/calls.h>
#include <asyncio/detail/shared.h>
#include <asyncio/event_loop.h>

#include <concepts>
#include <cstddef>
#include <exception>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

// A callable that gives a std::unique_ptr<EventLoop>, owned; copies share it. False where it is empty. That type stands
// in <memory>: see shared.h.
class LoopFactory {
 public:
  LoopFactory() = default;
  LoopFactory(std::nullptr_t) {}
  template <class F>
    requires requires(F& make) {
      { make().release() } -> std::same_as<EventLoop*>;
    }
  LoopFactory(F make)
      : make_(Ref<Shared>::adopt(*new Shared([make = std::move(make)]() mutable { return make().release(); }))) {}

  explicit operator bool() const { return static_cast<bool>(make_); }
  EventLoop* operator()() const { return make_->value(); }  // for the caller to delete

 private:
  using Shared = SharedValue<Callback<EventLoop*()>>;

  Ref<Shared> make_;
};

}  // namespace detail

// How run() runs.
struct RunOptions {
  bool debug = false;
  Backend backend = Backend::automatic;
  VirtualClock* clock = nullptr;  // the time of the loop; null: the system's monotonic clock
  // Any callable that gives a std::unique_ptr<EventLoop>: makes the loop, instead of the fields above.
  detail::LoopFactory loop_factory = {};
};

// A loop for several run() calls in a row, which share it and one context. Python: asyncio.Runner.
//
//   Runner runner({.debug = true});
//   runner.run(prepare());
//   runner.run(async_main());
//
// Made for one thread. The loop is made by the first run() or get_loop().
class Runner {
 public:
  explicit Runner(const RunOptions& options = {}) : options_(options) {}
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;
  ~Runner();  // close(), but what it throws is reported; an exit too: who wants it calls close()

  // Runs the coroutine, or another awaitable, as a task; gives its value, or throws its exception. Throws RuntimeError
  // in a running loop and after close(); the coroutine is closed then.
  //
  // Ctrl-C: the first cancels the task, which may clean up, and wait for that. KeyboardInterrupt is thrown once it has
  // ended on the cancel; where it gives a value all the same, that is the result, and where somebody else has cancelled
  // it as well, CancelledError is thrown. The second throws KeyboardInterrupt where the loop next looks. Where
  // the loop is stuck in a step, so that it has not even seen these two, the third ends the program.
  // Only in the main thread, and only where SIGINT has its default disposition; restored afterwards. A handler which
  // the program installs meanwhile is left alone.
  template <Awaitable A>
  AwaitResult<std::decay_t<A>> run(A&& awaitable, TaskOptions options = {}) {
    auto coro = detail::as_coro(std::forward<A>(awaitable));
    try {
      prepare();
    } catch (...) {
      coro.close();
      throw;
    }
    const bool in_own_context = options.context == nullptr;
    if (in_own_context && !context_.empty()) options.context = &context_;
    // Within a context that is still empty, so that nothing is inherited from the thread's.
    auto task = context_.run([&] { return get_loop().create_task(std::move(coro), options); });
    run_main(task, in_own_context);
    return task.state().take_or_copy();
  }

  EventLoop& get_loop();

  // Cancels every task that is left, and runs the loop until all have ended; what they start meanwhile too. Then waits,
  // for up to 300 seconds, until the threads of the default executor have ended, and closes the loop. Twice is once.
  // Nothing breaks that off: neither stop(), nor a SystemExit or KeyboardInterrupt, of which the first is thrown at the
  // end. Ctrl-C has its default effect meanwhile, and ends the program. Where one has ended run(), and calls in threads
  // are still to be waited for, a line on standard error says so.
  void close();

  // For run(): closes, and throws `error`; or the first exit that came meanwhile, where `error` is none, and is
  // reported then. Null: throws nothing but that exit.
  void close_after(std::exception_ptr error);

 private:
  void prepare();
  // These give the first exit that came.
  std::exception_ptr run_to_end(detail::FutureBase& future);
  std::exception_ptr cancel_all_tasks();
  std::exception_ptr shut_down();
  void run_main(const AnyTask& task, bool in_own_context);
  void tell_of_threads() const noexcept;

  RunOptions options_;
  EventLoop* loop_ = nullptr;  // its own
  Context context_;            // of the run() calls that were not given another; while empty, each makes its own
  bool closed_ = false;
  bool interrupted_ = false;  // by Ctrl-C
};

// Runs a program's main coroutine, and everything that it starts, in a loop of its own:
//
//   int main() { return asyncio::run(async_main()); }
//
// Gives what the coroutine gives, 0 where that is nothing, and throws what it throws. Tasks that are left when it ends
// are cancelled and waited for: see Runner::close(). That is so too where a task or callback has thrown SystemExit or
// KeyboardInterrupt, which end the run at once; of several the first is thrown. Python: asyncio.run().
//
// Ctrl-C: see Runner. What leaves main() ends the program as it does in Python: SystemExit with its code, after what is
// registered with atexit() and the destructors of globals; KeyboardInterrupt in the same way, and in the end by SIGINT,
// so that a shell sees status 130 and stops its script; anything else with a line on standard error, and
// std::terminate.
template <Awaitable A>
auto run(A&& awaitable, const RunOptions& options = {});

// Runs f(args...), which gives a coroutine; owns f and its arguments meanwhile.
template <class F, class... Args>
  requires detail::CallableLater<F, Args...>
auto run(const RunOptions& options, F&& f, Args&&... args);
template <class F, class... Args>
  requires detail::CallableLater<F, Args...>
auto run(F&& f, Args&&... args);

}  // namespace asyncio::inline ASYNCIO_ABI

#include <asyncio/detail/run.h>
