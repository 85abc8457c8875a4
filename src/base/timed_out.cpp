// SPDX-License-Identifier: MIT
#include "base/timed_out.h"

#include "base/number_text.h"

#include <algorithm>
#include <string_view>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

std::string detail::describe(std::chrono::nanoseconds duration) {
  struct Unit {
    double size;
    const char* name;
  };
  constexpr Unit units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}, {1, "ns"}};
  const double count = static_cast<double>(std::max(duration, std::chrono::nanoseconds::zero()).count());
  const Unit* unit = units;
  while (count != 0 && count < unit->size) ++unit;
  return number_text(count / unit->size) + ' ' + unit->name;
}

TimeoutError detail::timed_out(std::optional<std::chrono::nanoseconds> length, const char* waited_in) {
  std::string text = length ? "timed out after " + describe(*length) : "the deadline passed";
  if (waited_in == nullptr || *waited_in == '\0') return TimeoutError(text);
  using namespace std::string_view_literals;
  text += waited_in == "await"sv ? ", waiting for a task or future" : " in " + std::string(waited_in);
  return TimeoutError(text);
}

}  // namespace asyncio::inline ASYNCIO_ABI
