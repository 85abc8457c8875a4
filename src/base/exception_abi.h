// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <exception>
#include <typeinfo>

namespace asyncio::inline ASYNCIO_ABI::detail {

// What the Itanium C++ ABI, which every compiler here follows, tells of an exception without throwing it again. That
// would cost more than a microsecond.

// Its type; null for no exception.
const std::type_info* type_of(const std::exception_ptr& error) noexcept;

// Whether it holds exactly that type: told by the type alone, where throwing it to find out would take a microsecond.
bool is_a(const std::exception_ptr& error, const std::type_info& type) noexcept;
// Whether it is a SystemExit or a KeyboardInterrupt, which end the program.
bool is_exit(const std::exception_ptr& error) noexcept;

// Where it is: the same for all copies of the pointer.
const void* address_of(const std::exception_ptr& error) noexcept;

// Whether the exception at this address is the one that is being handled, and came from a throw expression: not from
// std::rethrow_exception(), which is how coroutines and run() pass it on.
bool was_thrown_here(const void* exception) noexcept;

}  // namespace asyncio::inline ASYNCIO_ABI::detail
