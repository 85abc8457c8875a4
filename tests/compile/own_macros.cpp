// SPDX-License-Identifier: MIT
// What other libraries, and old ones of the system, define as macros is no name in a header of this one. (The standard
// library takes some of them for its own: its headers come first, as they do where such a thing works at all.)
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <concepts>
#include <coroutine>
#include <exception>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <ratio>
#include <source_location>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <variant>
#include <vector>

// clang-format off
// Of old C headers, and of those that came from elsewhere.
#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))
#define major(device) never
#define minor(device) never
#define small char
#define interface struct
#define near
#define far
#define ERROR 0
#define IN
#define OUT
#define TRUE 1
#define FALSE 0
#define MIN(a, b) never
#define MAX(a, b) never
#define I never
#ifndef unix
#define unix 1
#endif
#ifndef linux
#define linux 1
#endif
#ifndef assert
#define assert(x) never
#endif
#ifndef EOF
#define EOF (-1)
#endif
// Of X11.
#define Above 0
#define Absolute 1
#define Always 2
#define BadRequest 1
#define Below 1
#define Bool int
#define Button1 1
#define Complex 0
#define Convex 2
#define CurrentTime 0L
#define CursorShape 0
#define DestroyAll 0
#define Expose 12
#define False 0
#define FocusIn 9
#define FocusOut 10
#define GrayScale 1
#define KeyPress 2
#define None 0L
#define Root 1
#define Status int
#define Success 0
#define True 1
#define Unsorted 0
#define Xor 1
// Of Qt. (Its `signals` is a function of this library: QT_NO_KEYWORDS.)
#define slots
#define emit
#define foreach(a, b) for (a : b)
#define forever for (;;)
// clang-format on

#include <asyncio/asyncio.h>
#include <asyncio/foreign.h>
#include <asyncio/inspect.h>
#include <asyncio/lowlevel/fd_ready.h>
#include <asyncio/lowlevel/owned_awaitable.h>
#include <asyncio/lowlevel/transport.h>

namespace {

// Templates do not look at their macros' victims before they are used.
[[maybe_unused]] asyncio::Coro<int> use_templates() {
  asyncio::Queue<int> queue;
  asyncio::PriorityQueue<int> priorities;
  asyncio::Semaphore semaphore;
  co_await asyncio::sleep(std::chrono::duration<double>(0.1));
  co_await asyncio::wait_for(queue.put(1), std::chrono::duration<unsigned>(1));
  co_await priorities.put(1);
  co_return co_await queue.get() + co_await priorities.get();
}

}  // namespace
