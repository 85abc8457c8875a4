// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <new>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI::detail {

// What std::addressof(), std::construct_at() and std::destroy_at() do. They stand in <memory>, which costs too much:
// see shared.h.
template <class T>
constexpr T* pointer_to(T& object) noexcept {
  return __builtin_addressof(object);
}

template <class T, class... Args>
void construct(T& room, Args&&... args) {
  ::new (const_cast<void*>(static_cast<const volatile void*>(detail::pointer_to(room)))) T(std::forward<Args>(args)...);
}

template <class T>
void destroy(T& object) noexcept {
  object.~T();
}

}  // namespace asyncio::inline ASYNCIO_ABI::detail
