// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/bound_callback.h>
#include <asyncio/chrono.h>
#include <asyncio/event_loop.h>
#include <asyncio/ref.h>
#include <asyncio/result.h>
#include <asyncio/time_limit.h>

#include <concepts>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

// The state behind a ThreadFuture, apart from its value. All of it may be used by any thread.
//
// Who makes the result calls begin(), stores it if that says so, and then publish(). A cancel wins before begin(), and
// comes too late after it; so nobody reads the result while it is being written.
class ThreadFutureBase {
 public:
  ThreadFutureBase();
  ThreadFutureBase(const ThreadFutureBase&) = delete;
  ThreadFutureBase& operator=(const ThreadFutureBase&) = delete;

  bool begin();             // false where it has been cancelled
  void publish() noexcept;  // the result is there: wakes those who wait, and runs the callbacks
  bool cancel() noexcept;   // false once it has begun; true also where it is cancelled already

  bool running() const;    // has begun, and not ended
  bool done() const;       // has a result, or is cancelled
  bool cancelled() const;  // has none, and will have none

  // Throws RuntimeError in the thread of the loop that is to make the result: it would wait for ever; else TimeoutError
  // after the timeout.
  void wait(TimeLimit timeout = {}) const;

  // Calls it once done: in the thread that ends it, and at once where it has ended.
  using OnDone = Callback<void(const ThreadFutureBase&)>;
  void on_done(OnDone callback);

  void set_loop(const LoopCore& loop) { loop_ = &loop; }  // that makes the result; before anybody waits

 protected:
  ~ThreadFutureBase();
  void require_value() const;  // throws CancelledError where it was cancelled

 private:
  enum class Phase : std::uint8_t { pending, running, finished, cancelled };
  struct Sync;

  bool end(Phase from, Phase to) noexcept;
  void call(OnDone& callback) const noexcept;
  void check_thread() const;

  std::unique_ptr<Sync> sync_;
  const LoopCore* loop_ = nullptr;
};

template <class T>
class ThreadFutureState final : public ThreadFutureBase {
 public:
  // Ends it with what `source` holds; without effect where it was cancelled. The source keeps nothing of an exception:
  // the last reference to it must not be dropped by a thread that others know nothing of.
  void finish(ResultSlot<T>& source) noexcept {
    if (!begin()) return;
    try {
      result.take_from(source);
    } catch (...) {
      result.fail(std::current_exception());
    }
    source.clear();
    publish();
  }
  void fail(std::exception_ptr error) noexcept {
    ResultSlot<T> failed;
    failed.fail(std::move(error));
    finish(failed);
  }
  ResultSlot<T>& get() {
    require_value();
    return result;
  }

  [[no_unique_address]] ResultSlot<T> result;
};

}  // namespace detail

// A result that another thread will make, for code that may block: threads, and not tasks.
//
//   ThreadPoolExecutor pool(4);
//   auto size = pool.submit(count_lines, path);          // a thread of the pool makes it
//   auto page = run_coroutine_threadsafe(loop, fetch, url);  // the loop, which another thread runs, makes it
//   std::cout << size.result() << page.result(5s);
//
// A task that needs one awaits wrap_future() of it; result() would block its whole loop.
// Move-only: one future, one owner. Its functions may be called by several threads at once. Dropping it changes nothing:
// the work goes on, and what it gives is dropped, an exception too. One that was moved from throws RuntimeError.
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

namespace detail {

// Brings the outcome of a ThreadFuture to a Future. Two parties own it: its loop, until the outcome has come or the
// future has ended otherwise, and the message that another thread sends. What it holds of the loop is the loop's alone.
class Delivery : public lowlevel::LinkedWaiter, private LiveLink {
 public:
  Delivery(EventLoop& loop, FutureBase& future);
  virtual ~Delivery();

  // The loop will get the message; call it once, after the construction.
  static void start(std::shared_ptr<Delivery> self, ThreadFutureBase& source);

  // The loop is about to close: the future stays as it is, and what comes later is dropped.
  void abandon() noexcept;
  static Delivery& from_live(Link& link) { return static_cast<Delivery&>(static_cast<LiveLink&>(link)); }

 protected:
  virtual void deliver(FutureBase& future) = 0;
  virtual void cancel_source() noexcept = 0;

 private:
  static const lowlevel::WaitKind kind;
  static void future_ended(Waiter& waiter) noexcept;
  void arrive();
  FutureBase* leave() noexcept;

  EventLoop* loop_;
  FutureBase* future_;              // owned; null once the loop has nothing to do with it any more
  std::shared_ptr<Delivery> self_;  // what the loop owns
};

template <class T>
class DeliveryOf final : public Delivery {
 public:
  DeliveryOf(EventLoop& loop, FutureBase& future, std::shared_ptr<ThreadFutureState<T>> source)
      : Delivery(loop, future), source_(std::move(source)) {}

 private:
  void deliver(FutureBase& base) override {
    auto& future = static_cast<FutureState<T>&>(base);
    if (source_->cancelled()) {
      future.cancel({});
    } else if (std::exception_ptr error = source_->result.exception()) {
      source_->result.clear();
      future.fail(std::move(error));
    } else {
      try {
        if constexpr (std::is_void_v<T>) {
          future.succeed();
        } else {
          future.succeed(source_->result.take());
        }
      } catch (...) {
        future.fail(std::current_exception());
      }
    }
  }
  void cancel_source() noexcept override { source_->cancel(); }

  std::shared_ptr<ThreadFutureState<T>> source_;
};

}  // namespace detail

// A Future of the loop with the outcome of a ThreadFuture. Cancelling it cancels that one; work which runs in a thread
// already goes on unseen. Python: asyncio.wrap_future().
template <class T>
Future<T> wrap_future(ThreadFuture<T> source, EventLoop& loop = get_running_loop()) {
  Future<T> future(loop);
  auto delivery = std::make_shared<detail::DeliveryOf<T>>(loop, future.state(), source.state());
  detail::Delivery::start(std::move(delivery), *source.state());
  return future;
}

namespace detail {

// The task of a coroutine that another thread has sent to a loop; for the thread of the loop.
struct RemoteTask {
  TaskBase* task = nullptr;  // before it starts and after it has ended: null
  bool starting = false;     // who starts it will tell the caller what became of that
};

// The way back to that thread: whoever holds it owes it an outcome, and cancels the ThreadFuture by dropping it.
template <class T>
class Caller {
 public:
  Caller(std::shared_ptr<ThreadFutureState<T>> state, std::shared_ptr<RemoteTask> remote)
      : state_(std::move(state)), remote_(std::move(remote)) {}
  Caller(Caller&&) noexcept = default;
  ~Caller() {
    if (state_ == nullptr) return;
    remote_->task = nullptr;
    if (!remote_->starting) state_->cancel();
  }

  void finish(ResultSlot<T>& result) const noexcept { state_->finish(result); }
  void fail(std::exception_ptr error) const noexcept { state_->fail(std::move(error)); }

 private:
  std::shared_ptr<ThreadFutureState<T>> state_;  // null once moved from
  std::shared_ptr<RemoteTask> remote_;
};

// A coroutine on its way to a loop: closed, without a report, where it does not get there, or its task never starts.
template <class T>
class Unstarted {
 public:
  explicit Unstarted(Coro<T> coro) noexcept : coro_(std::move(coro)) {}
  Unstarted(Unstarted&&) noexcept = default;
  ~Unstarted() { coro_.close(); }
  Coro<T> operator()() { return std::move(coro_); }

 private:
  Coro<T> coro_;
};

template <class T>
Coro<> run_for(Unstarted<T> start, Caller<T> caller) {
  ResultSlot<T> result;
  try {
    if constexpr (std::is_void_v<T>) {
      co_await start();
      result.emplace();
    } else {
      result.emplace(co_await start());
    }
  } catch (const CancelledError&) {
    throw;  // the caller's destructor cancels the ThreadFuture
  } catch (const SystemExit&) {
    caller.fail(std::current_exception());
    throw;
  } catch (const KeyboardInterrupt&) {
    caller.fail(std::current_exception());
    throw;
  } catch (...) {
    result.fail(std::current_exception());
  }
  caller.finish(result);
}

// Has the loop cancel the task when the ThreadFuture is cancelled.
void cancel_with(ThreadFutureBase& state, EventLoop& loop, std::shared_ptr<RemoteTask> remote);

// Sends start(), which gives a Coro<T>, to the loop.
template <class T, class Start>
ThreadFuture<T> send_coroutine(EventLoop& loop, Start start) {
  auto state = std::make_shared<ThreadFutureState<T>>();
  auto remote = std::make_shared<RemoteTask>();
  state->set_loop(core_of(loop));
  detail::cancel_with(*state, loop, remote);
  auto message = [&loop, start = std::move(start), state, remote, caller = Caller<T>(state, remote)]() mutable {
    if (state->cancelled()) return;
    remote->starting = true;
    try {
      Unstarted<T> coro(start());
      Task<> task = loop.create_task(detail::run_for(std::move(coro), std::move(caller)));
      remote->starting = false;
      if (!task.done()) {
        remote->task = &task.state();
      } else {
        state->cancel();  // unless it has started eagerly, and left a result
      }
    } catch (...) {
      state->fail(std::current_exception());
      throw;  // the loop's exception handler hears of it too
    }
  };
  loop.call_soon_threadsafe(std::move(message));
  return ThreadFuture<T>(std::move(state));
}

}  // namespace detail

// Runs a coroutine as a task of a loop that another thread runs; from any thread.
//
//   std::thread([&loop] {
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
ThreadFuture<T> run_coroutine_threadsafe(EventLoop& loop, Coro<T> coro) {
  coro.require_unused();
  return detail::send_coroutine<T>(loop, detail::Unstarted<T>(std::move(coro)));
}

// The same for f(args...), which the loop calls; it owns copies of f and its arguments until the coroutine has ended.
template <class F, class... Args>
  requires detail::CallableLater<F, Args...>
auto run_coroutine_threadsafe(EventLoop& loop, F&& f, Args&&... args) {
  using Given = detail::CallOnceResult<F, Args...>;
  static_assert(Awaitable<Given>,
                "the callable must be a coroutine: let it return asyncio::Coro, and end with co_return;");
  detail::check_call_later<F, Args...>();
  return detail::send_coroutine<AwaitResult<Given>>(
      loop,
      [f = std::decay_t<F>(std::forward<F>(f)), ... args = std::decay_t<Args>(std::forward<Args>(args))]() mutable {
        return detail::call_owned(std::move(f), std::move(args)...);
      });
}

}  // namespace asyncio::inline ASYNCIO_ABI
