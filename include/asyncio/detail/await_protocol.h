// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <coroutine>

namespace asyncio::inline ASYNCIO_ABI::detail {

// How the running coroutine gives way to one that it awaits, and a coroutine that ends to the one that awaits it. Each
// compiler has its way, AwaitProtocol, and this is the only place that knows of the difference.
//
// start(), leave() and leave_task() are the last act of an await_suspend(), which returns what they return. run() is a
// step of a task: it returns once no coroutine of the task can go on.

// The compiler jumps from one coroutine into the next, and the stack does not grow: clang, whatever the flags.
struct SymmetricTransfer {
  std::coroutine_handle<> start(std::coroutine_handle<> child) noexcept { return child; }
  std::coroutine_handle<> leave(std::coroutine_handle<> /*child*/, std::coroutine_handle<> parent) noexcept {
    return parent;
  }
  std::coroutine_handle<> leave_task() noexcept { return std::noop_coroutine(); }
  void run(std::coroutine_handle<> coroutine) { coroutine.resume(); }
};

// Whoever awaits a coroutine resumes it, within its own await_suspend(), and goes on if it has ended by then: g++,
// which makes the jump a call where it does not optimise, and under the sanitizers. Calls are nested so deep only;
// beyond that the stack unwinds, and the step of the task goes on from there.
struct NestedResume {
  static constexpr unsigned most_nested = 128;

  // Whether the parent stays suspended.
  bool start(std::coroutine_handle<> child) {
    if (depth >= most_nested) [[unlikely]] {
      next = child;
      return true;
    }
    const std::coroutine_handle<> outer = nested;
    nested = child;
    ++depth;
    child.resume();
    --depth;
    const bool suspended = nested != nullptr;
    nested = outer;
    return suspended;
  }
  void leave(std::coroutine_handle<> child, std::coroutine_handle<> parent) noexcept {
    if (nested == child) {
      nested = nullptr;  // its start() is on the stack below, and goes on with the parent
    } else {
      next = parent;
    }
  }
  void leave_task() noexcept {}
  void run(std::coroutine_handle<> coroutine) {
    do {
      next = nullptr;
      coroutine.resume();
      coroutine = next;
    } while (coroutine != nullptr);
  }

  std::coroutine_handle<> next;    // to be resumed by run()
  std::coroutine_handle<> nested;  // which the innermost start() resumes; null once that has ended, or yielded
  unsigned depth = 0;              // how many start() are on the stack
};

// ASYNCIO_ABI names the choice.
#if defined(__clang__)
using AwaitProtocol = SymmetricTransfer;
#else
using AwaitProtocol = NestedResume;
#endif

}  // namespace asyncio::inline ASYNCIO_ABI::detail
