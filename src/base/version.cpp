// SPDX-License-Identifier: MIT
#include <asyncio/version.h>

namespace asyncio::inline ASYNCIO_ABI {

// ASYNCIO_CPP_VERSION comes from CMake's project(), so that the number stands in one place.
std::string_view version() noexcept { return ASYNCIO_CPP_VERSION; }

}  // namespace asyncio::inline ASYNCIO_ABI
