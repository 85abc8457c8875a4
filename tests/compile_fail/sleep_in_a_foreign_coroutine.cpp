// SPDX-License-Identifier: MIT
// EXPECT: this can only be awaited in a coroutine that returns asyncio::Coro
#include <asyncio/sleep.h>

#include <coroutine>
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

Job job() { co_await asyncio::sleep(std::chrono::seconds(1)); }
