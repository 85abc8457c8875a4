// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/asyncio.h>

#include <exception>
#include <string>

struct Page {};
inline const std::string url = "http://example.org/";
inline asyncio::Coro<Page> fetch(std::string) { co_return Page(); }
inline asyncio::Coro<> f() { co_return; }
inline void log(int, const std::exception_ptr&) {}
