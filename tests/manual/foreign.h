// SPDX-License-Identifier: MIT
#pragma once

#include "tests/manual/world.h"

#include <coroutine>

struct Operation {
  bool await_ready() const { return true; }
  void await_suspend(std::coroutine_handle<>) const {}
  std::string await_resume() const { return {}; }
  void abort() {}
};
inline Operation operation;
struct OtherLibrary {
  Operation fetch(std::string_view) const { return {}; }
};
inline const OtherLibrary other_library;
