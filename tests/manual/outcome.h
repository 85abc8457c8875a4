// SPDX-License-Identifier: MIT
#pragma once

#include "tests/manual/world.h"

struct Sender {
  Coro<std::size_t> send(std::string_view) { co_return 0; }
};
inline Sender sender;
inline const std::string data;
inline std::size_t total = 0;
