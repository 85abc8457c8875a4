// SPDX-License-Identifier: MIT
#include "base/fork.h"

#include <asyncio/error.h>

#include <pthread.h>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

constinit std::atomic<std::uint32_t> detail::fork_generation = 0;

namespace {
[[maybe_unused]] const int registered =
    ::pthread_atfork(nullptr, nullptr, [] { fork_generation.fetch_add(1, std::memory_order_relaxed); });
}  // namespace

void detail::throw_parents_loop() { throw RuntimeError(parents_loop); }

}  // namespace asyncio::inline ASYNCIO_ABI
