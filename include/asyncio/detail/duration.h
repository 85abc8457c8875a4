// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/chrono.h>
#include <asyncio/error.h>

#include <cstdint>
#include <limits>
#include <ratio>
#include <type_traits>

namespace asyncio::inline ASYNCIO_ABI::detail {

// Any duration in nanoseconds, as far as they reach: what is longer is the longest. Throws ValueError for NaN.
template <class Rep, class Period>
constexpr std::chrono::nanoseconds to_nanoseconds(std::chrono::duration<Rep, Period> duration) {
  using Ns = std::chrono::nanoseconds;
  if constexpr (std::is_unsigned_v<Rep>) {
    // As a signed one: where the two are compared a negative bound becomes a very long duration.
    constexpr std::uintmax_t most = (std::numeric_limits<Ns::rep>::max)();
    const std::uintmax_t count = duration.count();
    return detail::to_nanoseconds(
        std::chrono::duration<Ns::rep, Period>(static_cast<Ns::rep>(count < most ? count : most)));
  } else if constexpr (std::is_floating_point_v<Rep>) {
    if (duration.count() != duration.count()) throw ValueError("a duration must not be NaN");
    using Wide = std::chrono::duration<double, std::nano>;
    const double count = std::chrono::duration_cast<Wide>(duration).count();
    if (count >= 9.2e18) return (Ns::max)();
    if (count <= -9.2e18) return (Ns::min)();
    // Up, so that a wait is never shorter than asked.
    const auto whole = static_cast<Ns::rep>(count);
    return Ns(static_cast<double>(whole) < count ? whole + 1 : whole);
  } else if constexpr (std::ratio_less_equal_v<Period, std::nano>) {
    return std::chrono::ceil<Ns>(duration);
  } else {
    constexpr auto longest = std::chrono::duration_cast<std::chrono::duration<Ns::rep, Period>>((Ns::max)());
    if (duration > longest) return (Ns::max)();
    if (duration < -longest) return (Ns::min)();
    return std::chrono::duration_cast<Ns>(duration);
  }
}

// now + delay, as far as the clock reaches.
template <class Clock>
constexpr std::chrono::time_point<Clock, std::chrono::nanoseconds> add_saturated(
    std::chrono::time_point<Clock, std::chrono::nanoseconds> now, std::chrono::nanoseconds delay) {
  constexpr auto end = (std::chrono::time_point<Clock, std::chrono::nanoseconds>::max)();
  return delay < end - now ? now + delay : end;
}

}  // namespace asyncio::inline ASYNCIO_ABI::detail
