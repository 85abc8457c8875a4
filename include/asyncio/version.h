// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <string_view>

namespace asyncio::inline ASYNCIO_ABI {

// The version of the library that the program runs with, such as "0.1.0"; of a shared library it may be another one
// than the program was compiled with. Never throws, and may be called before main().
[[nodiscard]] std::string_view version() noexcept;

}  // namespace asyncio::inline ASYNCIO_ABI
