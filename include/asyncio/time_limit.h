// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/chrono.h>
#include <asyncio/detail/duration.h>

#include <optional>

namespace asyncio::inline ASYNCIO_ABI {

// The clock of the loops.
using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;

// How long something may take: any duration, or std::nullopt for ever. What takes one calls it `timeout`:
//
//   co_await wait_for(queue.get(), 500ms);
//   co_await wait(tasks, {.timeout = 5s});
//
// One of 0 or less leaves no time at all; what is longer than the clock reaches is for ever. NaN throws ValueError.
class TimeLimit {
 public:
  TimeLimit() = default;  // for ever
  TimeLimit(std::nullopt_t) {}
  template <class Rep, class Period>
  TimeLimit(std::chrono::duration<Rep, Period> duration) : limit_(detail::to_nanoseconds(duration)) {}
  template <class Rep, class Period>
  TimeLimit(const std::optional<std::chrono::duration<Rep, Period>>& duration)
      : limit_(duration.has_value() ? detail::to_nanoseconds(*duration) : never) {}

  bool for_ever() const { return limit_ == never; }
  bool none_left() const { return limit_.count() <= 0; }
  std::chrono::nanoseconds nanoseconds() const { return limit_; }
  // When it ends, counted from `now`; nothing: never.
  std::optional<TimePoint> deadline(TimePoint now) const {
    if (for_ever()) return std::nullopt;
    return detail::add_saturated(now, limit_);
  }

 private:
  static constexpr std::chrono::nanoseconds never = (std::chrono::nanoseconds::max)();

  std::chrono::nanoseconds limit_ = never;
};

}  // namespace asyncio::inline ASYNCIO_ABI
