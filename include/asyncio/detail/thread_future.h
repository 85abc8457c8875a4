// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/invoke.h>
#include <asyncio/detail/task_base.h>
#include <asyncio/error.h>
#include <asyncio/lowlevel/waiter.h>
#include <asyncio/task.h>

#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

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

template <class T>
Future<T> wrap_future(ThreadFuture<T> source, EventLoop& loop) {
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

template <class T>
ThreadFuture<T> run_coroutine_threadsafe(EventLoop& loop, Coro<T> coro) {
  coro.require_unused();
  return detail::send_coroutine<T>(loop, detail::Unstarted<T>(std::move(coro)));
}

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
