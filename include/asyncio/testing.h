// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/run.h>
#include <asyncio/sleep.h>
#include <asyncio/virtual_clock.h>

#include <gtest/gtest.h>

#include <concepts>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>
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
// real clock, for what the operating system is part of. A body that waits for nothing ends with `co_return;`.
//
// ASSERT_* do not compile in a coroutine ("return statement not allowed in coroutine"). These end a test that fails:
//
//     require(waiter.done());
//     require_eq(queue.qsize(), 3);             // shows both values; require_ne, _lt, _le, _gt, _ge
//     auto error = co_await require_throws<TimeoutError>(wait_for(queue.get(), 1s));
//
// They are functions, so that they clash with no other framework's macros, and evaluate what they are given once. In
// another task than the test's they end that one, and what awaits it.
//
// An exception fails the test, with its type, its text, and the coroutines through which it came. A test that does not
// end fails too, with what each task waits for, and where:
//   - in virtual time at once, in a deadlock: no task is ready, no timer is armed, and the test has nothing from which
//     a call could come: no thread, socket, pipe or signal handler;
//   - else after a minute of real time, or as many seconds as the environment says in ASYNCIO_TEST_TIMEOUT; 0 is for
//     ever, for a debugger.
// It is then cancelled, and may clean up. One that goes on all the same, or that is stuck in a step which never
// returns, can only be ended with its program, by SIGABRT in the thread that is stuck.
//
// A test fails if it leaves behind
//   - a task that has not ended: it is named, with what it waits for, where, and where it was started;
//   - a callback that the loop is still to call, armed, ready or of a file descriptor: its type is named;
//   - a coroutine, task, future or handle in memory (under the address or memory sanitizer that is for those to find);
//   - a file descriptor that is open;
//   - what went to the loop's exception handler, unless take_reports() has fetched it.
// Tasks and callbacks have a thousand iterations of the loop to end, in which no virtual time passes: what was
// cancelled or closed as the last act of a test does. They are not looked for where the test ended early, by require()
// or by an exception: it has failed, and could not clean up.
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

// Thrown by what ends a test; what it says has been recorded by then.
struct RequirementFailed {};
[[noreturn]] void fail_requirement(const std::string& what, const std::source_location& where);
[[noreturn]] void fail_comparison(const char* function, const char* relation, const std::string& left,
                                  const std::string& right, const std::source_location& where);
[[noreturn]] void fail_nothing_thrown(const std::type_info& expected, const std::source_location& where);

// What ASYNC_TEST expands to: runs the body in a new loop, and checks what it leaves behind.
void run_test(Coro<> (*body)(), Time time);

// Waits until all other tasks wait: everything that can happen without time passing has happened.
inline detail::UntilIdle settle() { return until_idle(); }

// End the test as failed unless the condition holds. Integers are compared by their values, whatever their types;
// arrays of characters as strings.
void require(bool condition, const std::source_location& where = std::source_location::current());
template <class A, class B>
void require_eq(const A& a, const B& b, const std::source_location& where = std::source_location::current());
template <class A, class B>
void require_ne(const A& a, const B& b, const std::source_location& where = std::source_location::current());
template <class A, class B>
void require_lt(const A& a, const B& b, const std::source_location& where = std::source_location::current());
template <class A, class B>
void require_le(const A& a, const B& b, const std::source_location& where = std::source_location::current());
template <class A, class B>
void require_gt(const A& a, const B& b, const std::source_location& where = std::source_location::current());
template <class A, class B>
void require_ge(const A& a, const B& b, const std::source_location& where = std::source_location::current());

// Ends the test as failed unless awaiting it throws an E, which it gives. Another exception comes out. Python:
// pytest.raises.
template <class E, class A>
Coro<E> require_throws(A awaitable, std::source_location where = std::source_location::current()) {
  try {
    static_cast<void>(co_await std::move(awaitable));
  } catch (const E& error) {
    co_return error;
  }
  fail_nothing_thrown(typeid(E), where);
}

// The messages that went to the loop's exception handler since the start of the test or the last call, each with its
// exception: "Task exception was never retrieved: oops". A test must fetch those that it expects.
std::vector<std::string> take_reports();

// ---------------------------------------------------------------------------------------------------------------------

template <class T>
concept PlainInteger =
    std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> && !std::same_as<T, wchar_t> &&
    !std::same_as<T, char8_t> && !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;

template <class T>
decltype(auto) comparable(const T& value) {
  if constexpr (std::is_array_v<T> && std::is_same_v<std::remove_cv_t<std::remove_extent_t<T>>, char>) {
    return std::string_view(value);
  } else {
    return (value);
  }
}

template <class A, class B>
bool is_equal(const A& a, const B& b) {
  if constexpr (PlainInteger<A> && PlainInteger<B>) {
    return std::cmp_equal(a, b);
  } else {
    return comparable(a) == comparable(b);
  }
}
template <class A, class B>
bool is_less(const A& a, const B& b) {
  if constexpr (PlainInteger<A> && PlainInteger<B>) {
    return std::cmp_less(a, b);
  } else {
    return comparable(a) < comparable(b);
  }
}
template <class A, class B>
void require_relation(bool holds, const char* function, const char* relation, const A& a, const B& b,
                      const std::source_location& where) {
  if (holds) return;
  fail_comparison(function, relation, ::testing::PrintToString(a), ::testing::PrintToString(b), where);
}

template <class A, class B>
void require_eq(const A& a, const B& b, const std::source_location& where) {
  require_relation(is_equal(a, b), "require_eq", "==", a, b, where);
}
template <class A, class B>
void require_ne(const A& a, const B& b, const std::source_location& where) {
  require_relation(!is_equal(a, b), "require_ne", "!=", a, b, where);
}
template <class A, class B>
void require_lt(const A& a, const B& b, const std::source_location& where) {
  require_relation(is_less(a, b), "require_lt", "<", a, b, where);
}
template <class A, class B>
void require_le(const A& a, const B& b, const std::source_location& where) {
  require_relation(is_less(a, b) || is_equal(a, b), "require_le", "<=", a, b, where);
}
template <class A, class B>
void require_gt(const A& a, const B& b, const std::source_location& where) {
  require_relation(is_less(b, a), "require_gt", ">", a, b, where);
}
template <class A, class B>
void require_ge(const A& a, const B& b, const std::source_location& where) {
  require_relation(is_less(b, a) || is_equal(a, b), "require_ge", ">=", a, b, where);
}

}  // namespace asyncio::inline ASYNCIO_ABI::testing
