// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <exception>

namespace asyncio::inline ASYNCIO_ABI::detail {

// Whether `error` holds an E, or something that derives from E. Not for null.
template <class E>
bool holds(const std::exception_ptr& error) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const E&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace asyncio::inline ASYNCIO_ABI::detail
