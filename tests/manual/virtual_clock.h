// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/asyncio.h>

inline asyncio::Coro<> async_main() { co_return; }
