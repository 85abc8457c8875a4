// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/asyncio.h>

inline asyncio::Coro<> handle(asyncio::StreamReader, asyncio::StreamWriter) { co_return; }
struct Settings {
  void apply(int) {}
};
