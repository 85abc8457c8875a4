// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/asyncio.h>

#include <string>

struct Page {};
using Url = std::string;
inline asyncio::Coro<Page> download(Url) { co_return Page(); }
