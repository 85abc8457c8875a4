// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/duration.h>
#include <asyncio/detail/invoke.h>
#include <asyncio/sleep.h>
#include <asyncio/time_limit.h>

#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

// The times at which every() calls.
class Ticks {
 public:
  explicit Ticks(std::chrono::nanoseconds period);  // throws ValueError

  void begin();
  // How long it is until the next one.
  std::chrono::nanoseconds until_next();

 private:
  std::chrono::nanoseconds period_;
  TimePoint due_{};  // of the last call
};

template <class F, class... Args>
Coro<> call_at_ticks(Ticks ticks, F f, Args... args) {
  ticks.begin();
  for (;;) {
    if constexpr (Awaitable<std::invoke_result_t<F&, Args&...>>) {
      static_cast<void>(co_await detail::invoke(f, args...));
    } else {
      static_cast<void>(detail::invoke(f, args...));
    }
    co_await asyncio::sleep(ticks.until_next());
  }
}

}  // namespace detail

template <class Rep, class Period, class F, class... Args>
Coro<> every(std::chrono::duration<Rep, Period> period, F&& f, Args&&... args) {
  static_assert(!detail::IsCoro<std::remove_cvref_t<F>>,
                "every: a coroutine runs once; give the function that makes it: [&] { return report(); }");
  detail::check_calls_later<F, Args...>();
  return detail::call_at_ticks<std::decay_t<F>, std::decay_t<Args>...>(detail::Ticks(detail::to_nanoseconds(period)),
                                                                       std::forward<F>(f), std::forward<Args>(args)...);
}

}  // namespace asyncio::inline ASYNCIO_ABI
