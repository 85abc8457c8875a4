// SPDX-License-Identifier: MIT
#include "base/system_error.h"

#include <asyncio/error.h>

namespace asyncio::inline ASYNCIO_ABI {

void throw_system_error(int error, const std::string& what) {
  if (error == ETIMEDOUT) throw TimeoutError(what);
  throw std::system_error(error, std::generic_category(), what);
}

}  // namespace asyncio::inline ASYNCIO_ABI
