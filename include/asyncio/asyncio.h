// SPDX-License-Identifier: MIT
#pragma once

// Everything of the core: the loop, coroutines and tasks, what they wait with, streams and servers.
//
//   #include <asyncio/asyncio.h>
//
//   using namespace asyncio;
//   using namespace std::chrono_literals;
//
//   Coro<> async_main() {
//     co_await sleep(1s);
//     std::puts("Hello, World!");
//   }
//   int main() { return run(async_main()); }
//
// Each header can be included by itself, and is the manual of its part. Tests include asyncio/testing.h.

// --- coroutines, tasks, the loop
#include <asyncio/awaitable.h>
#include <asyncio/context.h>
#include <asyncio/coro.h>
#include <asyncio/error.h>
#include <asyncio/event_loop.h>
#include <asyncio/foreign.h>
#include <asyncio/future.h>
#include <asyncio/generator.h>
#include <asyncio/inspect.h>
#include <asyncio/run.h>
#include <asyncio/signal.h>
#include <asyncio/sleep.h>
#include <asyncio/task.h>
#include <asyncio/task_factory.h>
#include <asyncio/virtual_clock.h>

// --- waiting for many, for so long, for sure
#include <asyncio/cancel_scope.h>
#include <asyncio/exception_group.h>
#include <asyncio/exit_stack.h>
#include <asyncio/gather.h>
#include <asyncio/outcome.h>
#include <asyncio/race.h>
#include <asyncio/shield.h>
#include <asyncio/task_group.h>
#include <asyncio/time_limit.h>
#include <asyncio/timeout.h>
#include <asyncio/wait.h>
#include <asyncio/with.h>

// --- again and again
#include <asyncio/every.h>
#include <asyncio/rate_limiter.h>
#include <asyncio/retry.h>

// --- synchronisation
#include <asyncio/barrier.h>
#include <asyncio/broadcast.h>
#include <asyncio/capacity_limiter.h>
#include <asyncio/condition.h>
#include <asyncio/event.h>
#include <asyncio/lock.h>
#include <asyncio/queue.h>
#include <asyncio/semaphore.h>

// --- threads
#include <asyncio/executor.h>
#include <asyncio/thread_future.h>

// --- the network
#include <asyncio/address.h>
#include <asyncio/binary.h>
#include <asyncio/server.h>
#include <asyncio/stream.h>
