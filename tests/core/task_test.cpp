// SPDX-License-Identifier: MIT
#include <asyncio/task.h>

#include <asyncio/testing.h>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

Coro<int> answer() {
  co_await sleep(1s);
  co_return 42;
}

ASYNC_TEST(Task, gives_the_value_of_its_coroutine) {
  auto task = create_task(answer());
  EXPECT_FALSE(task.done());
  EXPECT_EQ(co_await task, 42);
  EXPECT_TRUE(task.done());
  EXPECT_EQ(task.result(), 42);
}

}  // namespace
