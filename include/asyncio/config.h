// SPDX-License-Identifier: MIT
#pragma once

#if __cplusplus < 202002L
#error "asyncio-cpp needs C++20: compile with -std=c++20"
#elif defined(__clang__) && __clang_major__ < 16
#error "asyncio-cpp needs clang 16 or newer, or g++ 13 or newer: on Debian, apt-get install clang-19"
#elif defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
#error \
    "asyncio-cpp needs g++ 13 or newer, or clang 16 or newer: on Debian 12, apt-get install clang-19. \
g++ 12 miscompiles ordinary statements with co_await, and the program corrupts its memory."
#elif !defined(__cpp_exceptions)
#error "asyncio-cpp needs exceptions, which are how it cancels and reports: compile without -fno-exceptions"
#elif !defined(__cpp_rtti)
#error "asyncio-cpp needs the names of types: compile without -fno-rtti"
#endif

// The library's macros: ASYNCIO_ABI, and ASYNC_TEST, ASYNC_IO_TEST and ASYNCIO_DEFINE_TEST of testing.h.
//
// ASYNCIO_ABI is the inline namespace that holds every symbol. It names the await protocol (detail/await_protocol.h),
// because objects that were compiled with different ones must not share a coroutine: they fail to link, instead of
// failing at run time. The compiler alone decides, and not its flags: a program may mix -O0 and -O2.
#if defined(__clang__)
#define ASYNCIO_ABI abi1_clang
#else
#define ASYNCIO_ABI abi1_gcc
#endif
