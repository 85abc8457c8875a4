// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/awaitable_range.h>
#include <asyncio/time_limit.h>

#include <cstdint>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI {

// Waiting for several tasks, without taking their results: wait() for the first of them or all, as_completed() for one
// after the other. Neither cancels a task, neither throws what a task threw, and a cancel of the caller is the caller's
// alone. The tasks may be Task<T>s, Future<T>s or, where their types differ, AnyTasks. One that is given twice counts
// once.

enum ReturnWhen : std::uint8_t {
  FIRST_COMPLETED,  // one has ended, in whatever way
  FIRST_EXCEPTION,  // one has ended with an exception other than CancelledError, or all have ended
  ALL_COMPLETED,
};

struct WaitOptions {
  TimeLimit timeout = {};  // for ever
  ReturnWhen return_when = ALL_COMPLETED;
};

// What wait() gives: each of the tasks is in one of the two, in the order in which they were given.
template <class H>
struct Waited {
  std::vector<H> done;
  std::vector<H> pending;
};

// Waits for tasks; says which have ended, and which have not.
//
//   std::vector<Task<Page>> tasks = start_downloads();
//   auto waited = co_await wait(tasks, {.timeout = 5s, .return_when = FIRST_COMPLETED});
//   for (Task<Page>& task : waited.done) show(co_await task);
//   for (Task<Page>& task : waited.pending) task.cancel();
//
// Does not wait where enough have ended already. The end of the timeout is no error; one of 0 or less lets what is
// ready run once. The exceptions stay in the tasks. A cancel throws CancelledError, and leaves the tasks alone.
// Throws ValueError for no tasks, for one of another loop, and for an unknown return_when. Python: asyncio.wait().
template <detail::AwaitableRange R>
auto wait(R&& range, const WaitOptions& options = {});

struct AsCompletedOptions {
  TimeLimit timeout = {};  // for ever
};

// Tasks in the order of their ends.
//
//   auto ends = as_completed(std::move(tasks), {.timeout = 5s});
//   while (auto task = co_await ends.next()) show(co_await *task);
//
// next() gives the task that ends next, and has ended when you get it; nothing after the last. What has ended in time
// is given first, however late it is asked for; then TimeoutError is thrown, once for each task that has not. Any
// number of tasks may await it: each gets another one. A cancel throws CancelledError, and loses nothing.
// The tasks are the ones that were given; of coroutines it makes tasks. The timeout counts from this call, and cancels
// nothing; neither does it to drop the result, which is movable, and must outlive the tasks that await next(). Throws
// ValueError for a task of another loop. Python: asyncio.as_completed().
template <detail::AwaitableRange R>
auto as_completed(R&& range, const AsCompletedOptions& options = {});

}  // namespace asyncio::inline ASYNCIO_ABI

#include <asyncio/detail/wait.h>
