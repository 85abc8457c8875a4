// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

// The operator new of a test program, which fails on demand. Exceptions themselves do not come from it: the compiler's
// library has a reserve for them.
namespace failing_new {

// From now on the allocations of this thread are counted, and the nth of them fails; 0: none.
void arm(long nth) noexcept;
// The end of that. Gives how many there were.
long disarm() noexcept;
// The same for all threads but this one, together.
void arm_others(long nth) noexcept;
long disarm_others() noexcept;
// Whether the one that was to fail has failed.
bool has_failed() noexcept;
// Blocks of all threads that have not been freed.
long live() noexcept;

}  // namespace failing_new
