// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/event_loop.h>

#include <memory>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

// How run() runs.
struct RunOptions {
  bool debug = false;
  Backend::Kind backend = Backend::Kind::automatic;
  VirtualClock* clock = nullptr;                           // the time of the loop; null: the system's monotonic clock
  std::unique_ptr<EventLoop> (*loop_factory)() = nullptr;  // makes the loop, instead of the fields above
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
  ~Runner();  // close(), but what it throws is reported

  // Runs the coroutine, or another awaitable, as a task; gives its value, or throws its exception. The first Ctrl-C
  // cancels it, and once it has ended on that KeyboardInterrupt is thrown; the second throws at once. Throws RuntimeError
  // in a running loop and after close(); the coroutine is closed then.
  template <Awaitable A>
  AwaitResult<A> run(A&& awaitable, const TaskOptions& options = {}) {
    auto coro = as_coro(std::forward<A>(awaitable));
    try {
      prepare();
    } catch (...) {
      coro.close();
      throw;
    }
    auto task = get_loop().create_task(std::move(coro), options);
    run_main(task);
    return task.state().take_or_copy();
  }

  EventLoop& get_loop();

  // Cancels every task that is left, and runs the loop until all have ended; what they start meanwhile too. Then ends the
  // default executor, and closes the loop. Twice is once.
  void close();

 private:
  void prepare();
  void run_main(const AnyTask& task);

  RunOptions options_;
  std::unique_ptr<EventLoop> loop_;
  Context context_;
  bool closed_ = false;
};

// Runs a program's main coroutine, and everything that it starts, in a loop of its own:
//
//   int main() { return asyncio::run(async_main()); }
//
// Gives what the coroutine gives, 0 where that is nothing, and throws what it throws. Tasks that are left when it ends are cancelled and
// waited for. Ctrl-C: see Runner. Python: asyncio.run().
template <Awaitable A>
auto run(A&& awaitable, const RunOptions& options = {}) {
  Runner runner(options);
  if constexpr (std::is_void_v<AwaitResult<A>>) {
    runner.run(std::forward<A>(awaitable));
    runner.close();
    return 0;
  } else {
    auto value = runner.run(std::forward<A>(awaitable));
    runner.close();
    return value;
  }
}

// Runs f(args...), which gives a coroutine; owns f and its arguments meanwhile.
template <class F, class... Args>
  requires std::invocable<std::decay_t<F>&, std::decay_t<Args>&...>
auto run(const RunOptions& options, F&& f, Args&&... args) {
  return run(call_owned(std::decay_t<F>(std::forward<F>(f)), std::decay_t<Args>(std::forward<Args>(args))...), options);
}
template <class F, class... Args>
  requires std::invocable<std::decay_t<F>&, std::decay_t<Args>&...>
auto run(F&& f, Args&&... args) {
  return run(RunOptions{}, std::forward<F>(f), std::forward<Args>(args)...);
}

}  // namespace asyncio::inline ASYNCIO_ABI
