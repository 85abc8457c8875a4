// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

// std::invoke for functions and member functions, without the 20,000 lines of <functional>.
template <class F, class... Args>
constexpr decltype(auto) invoke(F&& f, Args&&... args) {
  if constexpr (std::is_member_function_pointer_v<std::remove_cvref_t<F>>) {
    return [&f](auto&& object, auto&&... rest) -> decltype(auto) {
      if constexpr (requires { (std::forward<decltype(object)>(object).*f)(std::forward<decltype(rest)>(rest)...); }) {
        return (std::forward<decltype(object)>(object).*f)(std::forward<decltype(rest)>(rest)...);
      } else {
        return ((*std::forward<decltype(object)>(object)).*f)(std::forward<decltype(rest)>(rest)...);
      }
    }(std::forward<Args>(args)...);
  } else {
    return std::forward<F>(f)(std::forward<Args>(args)...);
  }
}

}  // namespace asyncio::inline ASYNCIO_ABI
