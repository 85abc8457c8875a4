// SPDX-License-Identifier: MIT
#include <asyncio/detail/ref.h>

#include <asyncio/error.h>

#include <string>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

void detail::refuse_empty(const char* handle) {
  throw RuntimeError(std::string("this ") + handle + " refers to nothing: it is empty, or was moved from");
}

}  // namespace asyncio::inline ASYNCIO_ABI
