// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/context.h>
#include <asyncio/detail/bind_call.h>
#include <asyncio/detail/invoke.h>
#include <asyncio/event_loop.h>
#include <asyncio/lowlevel/waiter.h>

#include <coroutine>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

// For to_thread(). All of the header is paid for by those alone who write a function that takes one.
#if defined(__GLIBCXX__) && !_GLIBCXX_INLINE_VERSION
namespace std {
class stop_token;
}
#else
#include <stop_token>
#endif

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

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

// f(args...), without arguments.
template <class F, class... Args>
auto bind_work(F&& f, Args&&... args) {
  using R = CallResult<F, Args...>;
  static_assert(!Awaitable<R>, "a thread runs plain functions, and this is a coroutine: use create_task()");
  check_call_later<F, Args...>();
  return [f = std::decay_t<F>(std::forward<F>(f)),
          ... args = std::decay_t<Args>(std::forward<Args>(args))]() mutable -> R {
    return detail::call_once(f, args...);
  };
}

}  // namespace detail

template <class F, class... Args>
ThreadFuture<detail::CallResult<F, Args...>> Executor::submit(F&& f, Args&&... args) {
  using R = detail::CallResult<F, Args...>;
  auto call = detail::bind_work(std::forward<F>(f), std::forward<Args>(args)...);
  auto state = std::make_shared<detail::ThreadFutureState<R>>();
  post(std::make_unique<detail::WorkOf<R, decltype(call)>>(state, std::move(call)));
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
      futures.push_back(submit([&f, &item]() -> R { return detail::invoke(f, item); }));
    } else {  // the range makes its elements, as std::views::iota does
      futures.push_back(
          submit([&f, item = std::move(item)]() mutable -> R { return detail::invoke(f, std::move(item)); }));
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
Future<detail::CallResult<F, Args...>> EventLoop::run_in_executor(Executor& executor, F&& f, Args&&... args) {
  check_executor_call();
  return asyncio::wrap_future(executor.submit(std::forward<F>(f), std::forward<Args>(args)...), *this);
}

template <class F, class... Args>
Future<detail::CallResult<F, Args...>> EventLoop::run_in_executor(Executor* executor, F&& f, Args&&... args) {
  check_executor_call();
  return run_in_executor(executor != nullptr ? *executor : default_executor(), std::forward<F>(f),
                         std::forward<Args>(args)...);
}

namespace detail {

// A call that takes the context of its maker along: made there, and destroyed there.
template <class Call>
class CallInContext {
 public:
  explicit CallInContext(Call call) : call_(std::move(call)), context_(Context::current()) {}
  CallInContext(CallInContext&& other) noexcept(std::is_nothrow_move_constructible_v<Call>)
      : call_(std::move(other.call_)), context_(std::move(other.context_)) {}
  ~CallInContext() {
    context_.run([this] { call_.reset(); });
  }

  decltype(auto) operator()() { return context_.run(*call_); }

 private:
  std::optional<Call> call_;
  Context context_;
};

template <class Call>
ThreadFuture<CallResult<Call>> call_in_thread(Call call) {
  return get_running_loop().default_executor().submit(CallInContext<Call>(std::move(call)));
}

// A std::stop_source, for those who have not included <stop_token>: it is a heavy header.
class StopSource {
 public:
  StopSource();
  StopSource(const StopSource&) = delete;
  ~StopSource();
  std::stop_token token() const;
  void request_stop() const noexcept;

 private:
  struct Source;
  std::unique_ptr<Source> source_;
};

// Waits until the future of a call in a thread has ended, also where the task is cancelled meanwhile; throws then.
class ThreadWait : public lowlevel::LinkedWaiter {
 public:
  ThreadWait(FutureBase& future, ThreadFutureBase& call, const StopSource* stop)
      : LinkedWaiter(kind), future_(&future), call_(&call), stop_(stop) {}

  bool await_ready() const { return future_->done(); }
  template <class P>
  void await_suspend(std::coroutine_handle<P> self) {
    future_->joiners().push_back(*this);
    park(self);
  }
  void await_resume() {
    future_->mark_retrieved();  // on a cancel it is dropped
    check_all();
    future_->retrieve();
  }

 private:
  static const lowlevel::WaitKind kind;
  static bool interrupt(Waiter& waiter) noexcept;

  FutureBase* future_;
  ThreadFutureBase* call_;
  const StopSource* stop_;  // null where the callable does not want to know
};

template <class R>
Coro<R> wait_for_call(ThreadFuture<R> call, const StopSource* stop) {
  const auto state = call.state();
  Future<R> future = asyncio::wrap_future(std::move(call));
  co_await ThreadWait(future.state(), *state, stop);
  co_return future.state().take_or_copy();
}

template <class Call>
Coro<CallResult<Call>> run_in_thread(Call call) {
  co_return co_await detail::wait_for_call(detail::call_in_thread(std::move(call)), nullptr);
}

template <class R, class Source, class F, class... Args>
Coro<R> run_stoppable(F f, Args... args) {
  const Source stop;
  auto call = [f = std::move(f), token = stop.token(), ... args = std::move(args)]() mutable -> R {
    return detail::invoke(f, std::move(token), std::move(args)...);
  };
  co_return co_await detail::wait_for_call(detail::call_in_thread(std::move(call)), &stop);
}

template <class Call>
Coro<CallResult<Call>> run_abandonable(Call call) {
  co_return co_await asyncio::wrap_future(detail::call_in_thread(std::move(call)));
}

// Whether the callable wants a stop token. Where that is not a complete type nobody can have one as a parameter. Asked
// for each F anew: of another one it may have been asked before <stop_token> was included.
template <class F, class Token, class... Args>
concept TakesStopToken = !CallableLater<F, Args...> && requires { sizeof(Token) + sizeof(std::decay_t<F>*); } &&
                         std::is_invocable_v<std::decay_t<F>&, Token, std::decay_t<Args>...>;

}  // namespace detail

template <class F, class... Args>
auto to_thread(F&& f, Args&&... args) {
  if constexpr (detail::TakesStopToken<F, std::stop_token, Args...>) {
    using R = std::remove_cvref_t<std::invoke_result_t<std::decay_t<F>&, std::stop_token, std::decay_t<Args>...>>;
    static_assert(!Awaitable<R>, "a thread runs plain functions, and this is a coroutine: use create_task()");
    return detail::run_stoppable<R, detail::StopSource, std::decay_t<F>, std::decay_t<Args>...>(
        std::forward<F>(f), std::forward<Args>(args)...);
  } else {
    return detail::run_in_thread(detail::bind_work(std::forward<F>(f), std::forward<Args>(args)...));
  }
}

template <class F, class... Args>
auto to_thread(detail::AbandonOnCancel, F&& f, Args&&... args) {
  return detail::run_abandonable(detail::bind_work(std::forward<F>(f), std::forward<Args>(args)...));
}

}  // namespace asyncio::inline ASYNCIO_ABI
