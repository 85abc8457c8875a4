// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <array>
#include <charconv>
#include <string>

namespace asyncio::inline ASYNCIO_ABI::detail {

// "1.5": with a point, whatever the locale. `general` has six digits in all, `fixed` six behind the point.
inline std::string number_text(double number, std::chars_format format = std::chars_format::general) {
  std::array<char, 40> text;
  char* const begin = text.data();
  return {begin, std::to_chars(begin, begin + text.size(), number, format, 6).ptr};
}

}  // namespace asyncio::inline ASYNCIO_ABI::detail
