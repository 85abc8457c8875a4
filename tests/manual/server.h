// SPDX-License-Identifier: MIT
#pragma once

#include "tests/manual/world.h"

struct Room {};
inline Coro<> chat(Room&, asyncio::StreamReader, asyncio::StreamWriter) { co_return; }
inline Coro<> announce(int) { co_return; }
struct Served {
  void close() {}
  Coro<> wait_closed() { co_return; }
  void abort_clients() {}
};
inline Served server;
