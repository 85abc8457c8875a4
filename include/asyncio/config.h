// SPDX-License-Identifier: MIT
#pragma once

#if __cplusplus < 202002L
#error "asyncio-cpp needs C++20: compile with -std=c++20"
#endif

// The names below are the whole of the library's macros, but for ASYNC_TEST and ASYNC_IO_TEST of testing.h.
//
// ASYNCIO_ABI is the inline namespace that holds every symbol. It names the await protocol, because objects that were
// compiled with different ones must not share a coroutine: they fail to link, instead of failing at run time.
// Clang transfers from coroutine to coroutine with a tail call, at every level of optimisation; g++ does so only at -O2,
// so that there a coroutine is resumed by whoever awaits it, with a bound on the depth (docs/compilers.md).
//
// ASYNCIO_AWAIT_SITES: whether a coroutine remembers the line of its last await, for call graphs. It does; bench/ compiles
// the library without, to tell what that costs.
#if !defined(ASYNCIO_AWAIT_SITES)
#define ASYNCIO_AWAIT_SITES 1
#endif
#if defined(__clang__)
#define ASYNCIO_SYMMETRIC_TRANSFER 1
#if ASYNCIO_AWAIT_SITES
#define ASYNCIO_ABI abi1_clang
#else
#define ASYNCIO_ABI abi1_clang_without_sites
#endif
#else
#define ASYNCIO_SYMMETRIC_TRANSFER 0
#if ASYNCIO_AWAIT_SITES
#define ASYNCIO_ABI abi1_gcc
#else
#define ASYNCIO_ABI abi1_gcc_without_sites
#endif
#endif
