// SPDX-License-Identifier: MIT
#pragma once

#include "tests/manual/world.h"

struct Host {};
struct Connecting {
  Coro<asyncio::Connection&> enter() { co_return connection; }
  Coro<> exit(std::exception_ptr) { co_return; }
  asyncio::Connection connection;
};
struct Log {
  void flush() {}
};
inline Log access_log;
inline const std::vector<Host> hosts;
inline Connecting connect(const Host&) { return {}; }
inline Coro<> work(const std::vector<asyncio::Connection*>&) { co_return; }
