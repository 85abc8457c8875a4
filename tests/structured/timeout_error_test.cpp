// SPDX-License-Identifier: MIT
// What a TimeoutError says.
#include <asyncio/cancel_scope.h>
#include <asyncio/event.h>
#include <asyncio/executor.h>
#include <asyncio/testing.h>
#include <asyncio/timeout.h>
#include <asyncio/wait.h>

#include <latch>
#include <string>
#include <vector>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

// What comes out of the coroutine.
Coro<std::string> text_of(Coro<> coro) {
  try {
    co_await std::move(coro);
  } catch (const TimeoutError& error) {
    co_return error.what();
  }
  co_return "no timeout";
}

Coro<> forever() { co_await sleep(1h); }
template <class Block>
Coro<> in(Block block, std::chrono::nanoseconds pause = 1h) {
  co_await with(std::move(block), [pause]() -> Coro<> { co_await sleep(pause); });
}

ASYNC_TEST(TimeoutError, says_how_long_it_was_and_what_was_waited_for) {
  Event event;
  Future<> future;
  EXPECT_EQ(co_await text_of(detail::as_coro(wait_for(event.wait(), 500ms))), "timed out after 500 ms in Event.wait");
  EXPECT_EQ(co_await text_of(detail::as_coro(wait_for(forever(), 1500ms))), "timed out after 1.5 s in sleep");
  EXPECT_EQ(co_await text_of(detail::as_coro(wait_for(future, 2s))),
            "timed out after 2 s, waiting for a task or future");
  EXPECT_EQ(co_await text_of(in(timeout(90min))), "no timeout");
  EXPECT_EQ(co_await text_of(in(timeout(250us))), "timed out after 250 us in sleep");
  EXPECT_EQ(co_await text_of(in(fail_after(7ns))), "timed out after 7 ns in sleep");
  EXPECT_EQ(co_await text_of(detail::as_coro(wait_for(forever(), 0s))), "timed out after 0 s");
  EXPECT_EQ(co_await text_of(detail::as_coro(wait_for(event.wait(), -1s))), "timed out after 0 s");
  std::vector<Task<>> tasks{create_task(forever())};
  auto ends = as_completed(tasks, {.timeout = 3s});
  const auto next = [](auto& all) -> Coro<> { co_await all.next(); };
  EXPECT_EQ(co_await text_of(next(ends)), "timed out after 3 s in as_completed");
  tasks[0].cancel();
}

ASYNC_TEST(TimeoutError, of_a_point_in_time_says_what_was_waited_for) {
  const auto soon = [] { return get_running_loop().time() + 1s; };
  EXPECT_EQ(co_await text_of(in(timeout_at(soon()))), "the deadline passed in sleep");
  EXPECT_EQ(co_await text_of(in(fail_at(soon()))), "the deadline passed in sleep");
  EXPECT_EQ(co_await text_of(in(fail_at(get_running_loop().time() - 1s))), "the deadline passed");
  const auto reschedule = [&]() -> Coro<> {
    co_await with(timeout(1h), [&](Timeout& limit) -> Coro<> {
      limit.reschedule(soon());
      co_await sleep(1h);
    });
  };
  EXPECT_EQ(co_await text_of(reschedule()), "the deadline passed in sleep");
  const auto give_up = []() -> Coro<> {
    co_await with(fail_after(1h), [](CancelScope& scope) -> Coro<> {
      scope.cancel();
      co_await sleep(1s);
    });
  };
  EXPECT_EQ(co_await text_of(give_up()), "the block was given up before its deadline");
}

TEST(TimeoutError, of_a_thread_that_waits_says_how_long_it_was) {
  std::latch open(1);
  ThreadPoolExecutor pool(1);
  const ThreadFuture<> future = pool.submit([&open] { open.wait(); });
  std::string said;
  try {
    future.result(1ms);
  } catch (const TimeoutError& error) {
    said = error.what();
  }
  open.count_down();
  EXPECT_EQ(said, "timed out after 1 ms in ThreadFuture.result");
}

}  // namespace
