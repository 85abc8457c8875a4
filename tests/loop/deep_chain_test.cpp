// SPDX-License-Identifier: MIT
#include <asyncio/task.h>
#include <asyncio/testing.h>

#include <stdexcept>

// Chains that are longer than any stack: nothing that a program does with them may recurse.

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

constexpr int deep = 100'000;
constexpr int many = 1'000'000;

Coro<int> add_one(Task<int> inner) { co_return 1 + co_await inner; }

// Tasks, each of which awaits the one before; the last.
Task<int> chain_on(Task<int> task) {
  for (int i = 0; i < deep; ++i) task = create_task(add_one(std::move(task)));
  return task;
}

Coro<int> wait_for_value(Future<int> future) { co_return co_await future; }

// BH-TASK-30
ASYNC_TEST(DeepChain, of_tasks_that_await_each_other_ends) {
  Future<int> future;
  Task<int> last = chain_on(create_task(wait_for_value(future)));
  co_await settle();
  future.set_result(7);
  EXPECT_EQ(co_await last, 7 + deep);
}

// BH-TASK-30
ASYNC_TEST(DeepChain, of_tasks_that_await_each_other_is_cancelled) {
  Future<int> future;
  Task<int> last = chain_on(create_task(wait_for_value(future)));
  co_await settle();
  last.cancel("all of you");
  EXPECT_TRUE(future.cancelled());
  EXPECT_FALSE(last.done());
  co_await settle();
  EXPECT_TRUE(last.cancelled());
  EXPECT_EQ(all_tasks().size(), 1u);
}

// BH-TASK-30
ASYNC_TEST(DeepChain, of_tasks_that_await_each_other_passes_an_exception_on) {
  Future<int> future;
  Task<int> last = chain_on(create_task(wait_for_value(future)));
  co_await settle();
  future.set_exception(std::out_of_range("oops"));
  co_await settle();
  EXPECT_THROW(last.result(), std::out_of_range);
}

Coro<int> descend(int levels, Future<int> bottom) {
  if (levels == 0) co_return co_await bottom;
  co_return 1 + co_await descend(levels - 1, bottom);
}

ASYNC_TEST(DeepChain, of_nested_awaits_that_wait_ends) {
  Future<int> future;
  auto task = create_task(descend(deep, future));
  co_await settle();
  EXPECT_FALSE(task.done());
  future.set_result(7);
  EXPECT_EQ(co_await task, 7 + deep);
}

ASYNC_TEST(DeepChain, of_nested_awaits_that_do_not_wait_ends) {
  Future<int> future;
  future.set_result(7);
  EXPECT_EQ(co_await descend(deep, future), 7 + deep);
}

ASYNC_TEST(DeepChain, of_nested_awaits_is_cancelled) {
  Future<int> future;
  auto task = create_task(descend(deep, future));
  co_await settle();
  task.cancel();
  co_await settle();
  EXPECT_TRUE(task.cancelled());
}

Coro<int> at_once(int value) { co_return value; }

ASYNC_TEST(DeepChain, a_million_awaits_in_a_row_that_do_not_wait_need_no_stack) {
  long sum = 0;
  for (int i = 0; i < many; ++i) sum += co_await at_once(1);
  EXPECT_EQ(sum, many);
}

ASYNC_TEST(DeepChain, a_million_awaits_of_what_has_ended_need_no_stack) {
  Future<int> future;
  future.set_result(1);
  long sum = 0;
  for (int i = 0; i < many; ++i) sum += co_await future;
  EXPECT_EQ(sum, many);
}

// What a destructor counts: that each coroutine of the chain was destroyed, once.
struct Counted {
  explicit Counted(int& counter) : count(&counter) {}
  Counted(const Counted&) = delete;
  ~Counted() { ++*count; }
  int* count;
};

Coro<> descend_counted(int levels, int& gone) {
  const Counted counted(gone);
  if (levels > 0) {
    co_await descend_counted(levels - 1, gone);
  } else {
    co_await sleep(1h);
  }
}

TEST(DeepChain, of_nested_awaits_is_destroyed_with_the_loop) {
  int gone = 0;
  int reports = 0;
  VirtualClock clock;
  {
    EventLoop loop({.clock = &clock});
    loop.set_exception_handler([&](EventLoop&, const ExceptionContext&) { ++reports; });
    loop.create_task(descend_counted(deep, gone));
    loop.stop();
    loop.run_forever();
    EXPECT_EQ(gone, 0);
  }
  EXPECT_EQ(gone, deep + 1);
  EXPECT_EQ(reports, 1);
}

TEST(DeepChain, of_tasks_is_destroyed_with_the_loop) {
  int reports = 0;
  VirtualClock clock;
  const std::size_t memory = detail::FramePool::bytes_in_use();
  {
    EventLoop loop({.clock = &clock});
    loop.set_exception_handler([&](EventLoop&, const ExceptionContext&) { ++reports; });
    loop.call_soon([&] {
      Future<int> future;
      chain_on(create_task(wait_for_value(future)));
    });
    loop.stop();
    loop.run_forever();  // makes them
    loop.stop();
    loop.run_forever();  // lets them wait
  }
  EXPECT_EQ(reports, deep + 1);
  EXPECT_EQ(detail::FramePool::bytes_in_use(), memory);
}

Coro<int> throw_at(int levels) {
  if (levels == 0) throw std::out_of_range("at the bottom");
  co_return 1 + co_await throw_at(levels - 1);
}

ASYNC_TEST(DeepChain, an_exception_comes_up_from_the_bottom) {
  bool caught = false;
  try {
    co_await throw_at(deep);
  } catch (const std::out_of_range&) {
    caught = true;
  }
  EXPECT_TRUE(caught);
}

}  // namespace
