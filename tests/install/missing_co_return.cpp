// SPDX-License-Identifier: MIT
#include <asyncio/task_group.h>
#include <asyncio/with.h>

asyncio::Coro<> work();

// The body returns a Coro, and is none: nothing in it says co_await or co_return.
asyncio::Coro<bool> start_work() {
  return asyncio::with(asyncio::TaskGroup(),
                       [](asyncio::TaskGroup& group) -> asyncio::Coro<> { group.create_task(work()); });
}
