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
  [[noreturn]] static void die_running() noexcept;
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
