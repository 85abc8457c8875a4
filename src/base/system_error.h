// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <cerrno>
#include <exception>
#include <string>

namespace asyncio::inline ASYNCIO_ABI::detail {

// What the library makes of an error number of the system: a std::system_error of the generic category, whose codes
// compare equal to std::errc; TimeoutError for ETIMEDOUT.
std::exception_ptr system_exception(int error, const std::string& what);
// The same, thrown.
[[noreturn]] void throw_system_error(int error, const std::string& what);
[[noreturn]] inline void throw_errno(const std::string& what) { detail::throw_system_error(errno, what); }

}  // namespace asyncio::inline ASYNCIO_ABI::detail
