// SPDX-License-Identifier: MIT
#pragma once

#include <latch>
#include <memory>
#include <stdexcept>

// Jobs for the threads of a test.

// What jobs wait for. Shared, because a job may still look at it when the test has gone on.
using Gate = std::shared_ptr<std::latch>;
inline Gate make_gate() { return std::make_shared<std::latch>(1); }

inline int pass(const Gate& gate, int value) {
  gate->wait();
  return value;
}

// Says that it has begun, and then passes.
inline int enter(const Gate& entered, const Gate& gate, int value) {
  entered->count_down();
  return pass(gate, value);
}

inline int divide(int a, int b) {
  if (b == 0) throw std::domain_error("division by zero");
  return a / b;
}
