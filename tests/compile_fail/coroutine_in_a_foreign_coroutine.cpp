// SPDX-License-Identifier: MIT
// EXPECT: a Coro can only be awaited in a coroutine that returns asyncio::Coro
#include <coroutine>

#include <asyncio/coro.h>

#include <exception>

struct Job {
  struct promise_type {
    Job get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

asyncio::Coro<int> answer() { co_return 42; }
Job job() { co_await answer(); }
