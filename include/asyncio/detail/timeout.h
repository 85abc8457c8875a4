// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/lowlevel/owned_awaitable.h>
#include <asyncio/with.h>

#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

// What wait_for() gives to co_await: no coroutine frame beside what is waited for.
template <class S>
class [[nodiscard("nothing is waited for: write co_await")]] WaitFor : public lowlevel::NativeAwaiter {
 public:
  using Value = typename lowlevel::OwnedAwaitable<S>::Value;

  WaitFor(S&& awaitable, TimeLimit timeout) : inner_(std::forward<S>(awaitable)), timeout_(std::nullopt, timeout) {}

  // So that `Coro<T> f() { return wait_for(...); }` can be written.
  operator Coro<Value>() && { return detail::as_coro(std::move(*this)); }

  bool await_ready() {
    if (timeout_.limit_.none_left()) [[unlikely]]
      return look_once();
    timeout_.enter_for_limit();
    return guard([this] { return inner_.await_ready(); });
  }
  template <class P>
  auto await_suspend(std::coroutine_handle<P> self) {
    return guard([this, self] { return inner_.await_suspend(self); });
  }
  Value await_resume() {
    if constexpr (IsCoro<S>) {
      auto& result = inner_.awaiter().result();
      timeout_.exit_now(result.exception());
      return result.take();
    } else if constexpr (std::is_void_v<Value>) {
      guard([this] { inner_.await_resume(); });
      timeout_.exit_now(nullptr);
    } else {
      Value value = guard([this]() -> Value { return inner_.await_resume(); });
      timeout_.exit_now(nullptr);
      return static_cast<Value&&>(value);
    }
  }

 private:
  // Nothing may take time: gives what is there, and cancels what can be cancelled.
  bool look_once() {
    if constexpr (IsCoro<S>) {
      inner_.awaitable().close();
      out_of_time();
    } else if constexpr (requires { inner_.awaitable().cancel(), inner_.awaitable().done(); }) {
      timeout_.enter_expired();
      // A cancel of the caller takes precedence, and is passed on by the wait itself.
      if (!inner_.awaitable().done() && !this_thread.task->interrupts_next_wait()) inner_.awaitable().cancel();
      return guard([this] { return inner_.await_ready(); });
    } else {
      timeout_.enter_expired();
      if (!inner_.await_ready()) out_of_time();
      return true;
    }
  }
  [[noreturn]] static void out_of_time() {
    if (this_thread.task->interrupts_next_wait()) this_thread.task->throw_interrupt();
    Timeout::throw_out_of_time();
  }

  // The timeout hears of an exception in what is waited for, whose place it may take.
  template <class F>
  decltype(auto) guard(F&& step) {
    if constexpr (IsCoro<S>) {
      return step();
    } else {
      try {
        return step();
      } catch (...) {
        timeout_.exit_now(std::current_exception());
        throw;
      }
    }
  }

  lowlevel::OwnedAwaitable<S> inner_;
  Timeout timeout_;
};

}  // namespace detail

template <class A>
auto wait_for(A&& awaitable, TimeLimit timeout) {
  return detail::WaitFor<lowlevel::OwnedBy<A>>(lowlevel::to_owned(std::forward<A>(awaitable)), timeout);
}

}  // namespace asyncio::inline ASYNCIO_ABI
