// SPDX-License-Identifier: MIT
#pragma once

// The shapes of enter() and exit(): no-build.
// no-build: 2, 3

#include "tests/manual/world.h"

struct Rows {};
struct Transaction {
  Coro<Rows> query(std::string_view) { co_return Rows(); }
};
struct Pool {
  struct Block {
    Coro<Transaction> enter() { co_return Transaction(); }
    Coro<> exit(std::exception_ptr) { co_return; }
  };
  Block transaction() { return {}; }
};
inline Pool pool;
inline const std::string request;
inline std::string reply;
inline Coro<> send(std::string_view) { co_return; }
inline Coro<std::string> receive() { co_return ""; }
