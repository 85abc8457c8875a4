// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

namespace asyncio::inline ASYNCIO_ABI::detail {

template <class T>
class GeneratorPromise;

// The states of a generator, and what happens where a step is asked for that cannot be.
class GeneratorBase {
 protected:
  [[noreturn]] static void throw_running();
  [[noreturn]] static void throw_ignored_exit();
  // Of one that is destroyed while a step runs: ends the program, unless it is the loop's end that destroys it.
  static void require_end_of_loop() noexcept;
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
