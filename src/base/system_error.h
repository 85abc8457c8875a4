// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace asyncio::inline ASYNCIO_ABI {

// Throws std::system_error for an error number; TimeoutError for ETIMEDOUT.
[[noreturn]] void throw_system_error(int error, const std::string& what);
[[noreturn]] inline void throw_errno(const std::string& what) { throw_system_error(errno, what); }

}  // namespace asyncio::inline ASYNCIO_ABI
