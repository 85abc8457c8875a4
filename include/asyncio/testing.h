// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/run.h>
#include <asyncio/sleep.h>
#include <asyncio/virtual_clock.h>

#include <gtest/gtest.h>

#include <source_location>
#include <string>
#include <string_view>
#include <vector>

// Tests of asynchronous code, on GoogleTest. Link asyncio-cpp::testing. Python: pytest-asyncio.
//
//   ASYNC_TEST(Semaphore, a_waiter_gets_the_permit_that_is_released) {
//     Semaphore sem(0);
//     auto waiter = create_task(take(sem));
//     co_await settle();                        // everything that can happen without time passing has happened
//     EXPECT_FALSE(waiter.done());
//     sem.release();
//     co_await settle();
//     EXPECT_TRUE(waiter.done());
//   }
//
// The body is a coroutine, run by a loop of its own. Time is virtual: sleep(1h) takes none, and the clock moves on only
// when nothing is ready, no job runs in a thread and no task waits for the kernel. ASYNC_IO_TEST is the same with the
// real clock, for what the operating system is part of.
//
// ASSERT_* do not compile in a coroutine ("return statement not allowed in coroutine"): require(condition) ends a test.
// An exception fails it, with its text.
//
// A test fails if it leaves behind
//   - a task that has not ended: it is named, with what it waits for, where, and where it was started;
//   - a callback that the loop is still to call, armed, ready or of a file descriptor: its type is named;
//   - a coroutine, task, future or handle in memory (under the address or memory sanitizer that is for those to find);
//   - a file descriptor that is open;
//   - what went to the loop's exception handler, unless take_reports() has fetched it.
// Tasks and callbacks have a thousand iterations of the loop to end, in which no virtual time passes: what was cancelled
// or closed as the last act of a test does. They are not looked for where the test ended early, by require() or by an
// exception: it has failed, and could not clean up.
//
// Nothing ends a test that waits for ever but Ctrl-C, which cancels its body and so fails it: have CTest end the program
// (TIMEOUT).
//
// ASYNCIO_BACKEND=epoll|io_uring in the environment chooses the kernel interface.
#define ASYNC_TEST(suite, name) ASYNCIO_DEFINE_TEST(suite, name, virtual_time)
#define ASYNC_IO_TEST(suite, name) ASYNCIO_DEFINE_TEST(suite, name, real_time)

#define ASYNCIO_DEFINE_TEST(suite, name, time)                                                                \
  static ::asyncio::Coro<> suite##_##name##_body();                                                           \
  TEST(suite, name) { ::asyncio::testing::run_test(&suite##_##name##_body, ::asyncio::testing::Time::time); } \
  static ::asyncio::Coro<> suite##_##name##_body()

namespace asyncio::inline ASYNCIO_ABI::testing {

enum class Time { virtual_time, real_time };

// What ASYNC_TEST expands to: runs the body in a new loop, and checks what it leaves behind.
void run_test(Coro<> (*body)(), Time time);

// Waits until all other tasks wait: everything that can happen without time passing has happened.
inline UntilIdle settle() { return until_idle(); }

// Ends the test as failed unless the condition holds. (ASSERT_TRUE for coroutines.)
void require(bool condition, const std::source_location& where = std::source_location::current());

// The messages that went to the loop's exception handler since the start of the test or the last call, each with its
// exception: "Task exception was never retrieved: oops". A test must fetch those that it expects.
std::vector<std::string> take_reports();

}  // namespace asyncio::inline ASYNCIO_ABI::testing
