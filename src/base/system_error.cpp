// SPDX-License-Identifier: MIT
#include "base/system_error.h"

#include <asyncio/error.h>

#include <system_error>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

namespace {
// With the text of the error behind it, which std::system_error adds by itself.
TimeoutError timeout_error(int error, const std::string& what) {
  return TimeoutError(what + ": " + std::generic_category().message(error));
}
}  // namespace

std::exception_ptr detail::system_exception(int error, const std::string& what) {
  if (error == ETIMEDOUT) return std::make_exception_ptr(timeout_error(error, what));
  return std::make_exception_ptr(std::system_error(error, std::generic_category(), what));
}

void detail::throw_system_error(int error, const std::string& what) {
  if (error == ETIMEDOUT) throw timeout_error(error, what);
  throw std::system_error(error, std::generic_category(), what);
}

}  // namespace asyncio::inline ASYNCIO_ABI
