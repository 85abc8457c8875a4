// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/awaitable.h>
#include <asyncio/coro.h>
#include <asyncio/detail/invoke.h>
#include <asyncio/sleep.h>

#include <cstdint>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

// What retry() knows between its attempts.
class RetryState {
 public:
  explicit RetryState(RetryOptions options);

  void begin();
  // Notes a failure. Gives how long to wait for the next attempt, or throws the error where there is none.
  std::chrono::nanoseconds after(std::exception_ptr error);

 private:
  std::optional<std::chrono::nanoseconds> next_delay(const std::exception_ptr& error, std::chrono::nanoseconds elapsed);
  double chance() noexcept;

  RetryOptions options_;
  TimePoint begun_{};
  std::chrono::nanoseconds delay_;
  std::uint64_t random_;
  int attempt_ = 0;
};

template <class F, class... Args>
using RetryResult = AwaitResult<std::invoke_result_t<F&, Args&...>>;

template <class F, class... Args>
Coro<RetryResult<F, Args...>> run_attempts(RetryState state, F f, Args... args) {
  state.begin();
  for (;;) {
    std::exception_ptr error;
    try {
      co_return co_await detail::invoke(f, args...);
    } catch (...) {
      error = std::current_exception();
    }
    co_await asyncio::sleep(state.after(std::move(error)));
  }
}

}  // namespace detail

template <class F, class... Args>
auto retry(RetryOptions options, F&& f, Args&&... args) {
  static_assert(!detail::IsCoro<std::remove_cvref_t<F>>,
                "retry: a coroutine runs once; give the function that makes it: [&] { return fetch(url); }");
  detail::check_calls_later<F, Args...>();
  using Attempt = std::invoke_result_t<std::decay_t<F>&, std::decay_t<Args>&...>;
  static_assert(Awaitable<Attempt>, "retry: f must be a coroutine, or give something that can be awaited");
  return detail::run_attempts<std::decay_t<F>, std::decay_t<Args>...>(detail::RetryState(std::move(options)),
                                                                      std::forward<F>(f), std::forward<Args>(args)...);
}

template <class F>
auto retry(F&& f, RetryOptions options) {
  return asyncio::retry(std::move(options), std::forward<F>(f));
}

}  // namespace asyncio::inline ASYNCIO_ABI
