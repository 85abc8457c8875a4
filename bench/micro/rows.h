// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/coro.h>

// Each runs one row of the table in bench/README.md in the loop of its caller, and reports it.

asyncio::Coro<> call();
asyncio::Coro<> fib();

asyncio::Coro<> spawn_await();
asyncio::Coro<> spawn_join();
asyncio::Coro<> gather_children();
asyncio::Coro<> yield_2();
asyncio::Coro<> yield_1000();
asyncio::Coro<> timers();
asyncio::Coro<> future_set();
asyncio::Coro<> from_another_thread();

asyncio::Coro<> channel();
asyncio::Coro<> mutex();

asyncio::Coro<> cancel();
asyncio::Coro<> wait_for_in_time();
asyncio::Coro<> context_per_task();
asyncio::Coro<> failure_as_result();
asyncio::Coro<> failure_caught();

// Returns its argument; the child of several rows.
asyncio::Coro<int> child(int i);
