// SPDX-License-Identifier: MIT
#include <asyncio/context.h>
#include <asyncio/outcome.h>
#include <asyncio/sleep.h>
#include <asyncio/task.h>
#include <asyncio/timeout.h>

#include "../measure.h"
#include "rows.h"

#include <vector>

// Rows that no peer has: what cancelling, time-outs, failures and context variables cost.

using namespace std::chrono_literals;
using asyncio::Coro;
using asyncio::create_task;
using asyncio::Task;

static Coro<> sleep_at_depth(int depth) {
  if (depth > 1) {
    co_await sleep_at_depth(depth - 1);
  } else {
    co_await asyncio::sleep(1h);
  }
}

Coro<> cancel() {
  constexpr int count = 10'000;
  std::vector<Task<>> tasks;
  for (int i = 0; i < count; ++i) tasks.push_back(create_task(sleep_at_depth(5)));
  co_await asyncio::sleep(0s);  // all of them sleep

  const measure::CpuTime time;
  for (const Task<>& task : tasks) task.cancel();
  co_await asyncio::sleep(0s);  // all of them have ended
  time.report("cancel", count);
  for (const Task<>& task : tasks) measure::require(task.cancelled());
}

Coro<> wait_for_in_time() {
  constexpr int count = 1'000'000;
  const measure::CpuTime time;
  std::uint64_t sum = 0;
  for (int i = 0; i < count; ++i) sum += static_cast<std::uint64_t>(co_await asyncio::wait_for(child(i), 1s));
  measure::keep(sum);
  time.report("wait_for", count);
}

static asyncio::ContextVar<int> request("request", 0);

Coro<> context_per_task() {
  constexpr int count = 1'000'000;
  const measure::CpuTime time;
  std::uint64_t sum = 0;
  for (int i = 0; i < count; ++i) {
    request.set(i);
    Task<int> task = create_task(child(i));
    sum += static_cast<std::uint64_t>(co_await task);
  }
  measure::keep(sum);
  time.report("context_spawn", count);
}

static Coro<int> fail() {
  throw std::system_error(std::make_error_code(std::errc::connection_reset));
  co_return 0;
}

Coro<> failure_as_result() {
  constexpr int count = 100'000;
  const measure::CpuTime time;
  int failures = 0;
  for (int i = 0; i < count; ++i) {
    auto outcome = co_await asyncio::as_result(fail());
    failures += outcome.error() == std::errc::connection_reset;
  }
  time.report("as_result_error", count);
  measure::require(failures == count);
}

Coro<> failure_caught() {
  constexpr int count = 100'000;
  const measure::CpuTime time;
  int failures = 0;
  for (int i = 0; i < count; ++i) {
    try {
      co_await fail();
    } catch (const std::system_error& error) {
      failures += error.code() == std::errc::connection_reset;
    }
  }
  time.report("caught_error", count);
  measure::require(failures == count);
}
