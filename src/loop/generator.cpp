// SPDX-License-Identifier: MIT
#include <asyncio/generator.h>

#include <asyncio/error.h>

#include <cstdio>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

void GeneratorBase::throw_running() { throw RuntimeError("the generator is running: one step at a time"); }
void GeneratorBase::throw_ignored_exit() { throw RuntimeError("the generator yielded again instead of ending"); }

void GeneratorBase::die_running() noexcept {
  std::fputs("asyncio: an AsyncGenerator was destroyed while a task waits in it\n", stderr);
  std::terminate();
}

}  // namespace asyncio::inline ASYNCIO_ABI
