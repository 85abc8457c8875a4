// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/coro.h>

#include <ostream>
#include <span>

// Programs that use every part of the library, each to be run with its nth allocation failing, for every n.
namespace allocation_test {

struct Scenario {
  const char* name;
  asyncio::Coro<> (*body)();
  bool real_time = false;   // the operating system is part of it
  bool in_threads = false;  // what fails are the allocations of other threads than the loop's
};
inline void PrintTo(const Scenario& scenario, std::ostream* out) { *out << scenario.name; }

std::span<const Scenario> scenarios();

// Runs it once as it is, and then with the nth allocation failing, for n = first, first + stride, ... The error must
// come out of run(), or not matter; nothing may hang, leak or terminate; and afterwards everything works.
void fail_every_allocation(const Scenario& scenario, long first, long stride);

}  // namespace allocation_test
