// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/asyncio.h>
#include <asyncio/testing.h>

using namespace asyncio::testing;

inline asyncio::Coro<> take(asyncio::Semaphore& sem) { co_await sem.acquire(); }
inline asyncio::Task<> waiter;
inline asyncio::Queue<int> queue;
