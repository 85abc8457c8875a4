// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <exception>
#include <source_location>
#include <string>
#include <string_view>
#include <typeinfo>

namespace asyncio::inline ASYNCIO_ABI::detail {

// What is called how, for people to read: without the library's inline namespaces, results and parameters.

// "fetch (shop.cpp:12)"
std::string describe(const std::source_location& place);
// The same for the place where a task was started, behind `prefix`; "" where the library started it.
std::string describe_creation(const std::source_location& place, const char* prefix = "");
// The name alone: "fetch".
std::string function_of(const std::source_location& place);
// Whether it is one of ours: with() and its like run as coroutines too, which tells a user nothing.
bool is_of_library(std::string_view function);
// "parse(Url)::{lambda()#1}"
std::string describe(const std::type_info& type);
// what(), or nothing where that is null: the class is the user's.
std::string what_of(const std::exception& error);
// "std::runtime_error: no route"
std::string describe(const std::exception_ptr& error);

}  // namespace asyncio::inline ASYNCIO_ABI::detail
