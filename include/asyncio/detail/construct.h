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

// A T of these, made in place: what the compiler says of a conversion is for who has written it, and not said here.
template <class T, class... Args>
T make(Args&&... args) {
  return T(std::forward<Args>(args)...);
}

template <class T, class... Args>
void construct(T& room, Args&&... args) {
  void* const at = const_cast<void*>(static_cast<const volatile void*>(detail::pointer_to(room)));
  ::new (at) T(detail::make<T>(std::forward<Args>(args)...));
}

template <class T>
void destroy(T& object) noexcept {
  object.~T();
}

}  // namespace asyncio::inline ASYNCIO_ABI::detail
