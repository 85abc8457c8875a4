// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/asyncio.h>

struct Cache {
  void drop_old() {}
};
inline Cache cache;
inline int numbers = 0;
inline asyncio::Coro<> report(int) { co_return; }
inline asyncio::TaskGroup tg;
