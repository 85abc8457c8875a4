// SPDX-License-Identifier: MIT
#include <asyncio/cancel_scope.h>
#include <asyncio/context.h>
#include <asyncio/executor.h>
#include <asyncio/testing.h>
#include <asyncio/with.h>

#include "jobs.h"

#include <atomic>
#include <functional>
#include <latch>
#include <stdexcept>
#include <stop_token>
#include <thread>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

ContextVar<std::string> request("request", "-");

// BH-MISC-02
ASYNC_TEST(ToThread, passes_arguments_result_and_exception_through) {
  EXPECT_EQ(co_await to_thread(divide, 42, 7), 6);
  EXPECT_THROW(co_await to_thread(divide, 1, 0), std::domain_error);
  std::unique_ptr<int> number = co_await to_thread([](std::unique_ptr<int> n) { return n; }, std::make_unique<int>(3));
  EXPECT_EQ(*number, 3);
}

// BH-MISC-02
ASYNC_TEST(ToThread, runs_with_a_copy_of_the_context) {
  request.set("17");
  EXPECT_EQ(co_await to_thread([] {
              std::string seen = request.get();
              request.set("changed");
              return seen + request.get();
            }),
            "17changed");
  EXPECT_EQ(request.get(), "17");
  EXPECT_EQ(co_await to_thread([] { return request.get(); }), "17");  // nor does it stay in the thread
  EXPECT_EQ(co_await get_running_loop().run_in_executor(nullptr, [] { return request.get(); }), "-");
}

// BH-MISC-02
ASYNC_TEST(ToThread, starts_when_it_is_awaited) {
  std::atomic<bool> ran = false;
  auto coro = to_thread([&ran] { ran = true; });
  co_await get_running_loop().shutdown_default_executor();
  EXPECT_THROW(co_await std::move(coro), RuntimeError);
  EXPECT_FALSE(ran);
}

// BH-MISC-03
ASYNC_TEST(ToThread, a_cancel_waits_until_a_call_that_runs_has_ended) {
  Gate entered = make_gate();
  Gate gate = make_gate();
  bool ended = false;
  auto task = create_task([](const Gate& begun, const Gate& leave, bool& flag) -> Coro<> {
    int local = 1;  // lives as long as the call
    co_await to_thread([&] {
      enter(begun, leave, 1);
      flag = ++local == 2;
      throw std::runtime_error("late");  // dropped
    });
  }(entered, gate, ended));
  co_await settle();
  entered->wait();
  task.cancel("enough");
  task.cancel("again");
  co_await settle();
  EXPECT_FALSE(task.done());
  gate->count_down();
  try {
    co_await task;
    ADD_FAILURE() << "nothing was thrown";
  } catch (const CancelledError& error) {
    EXPECT_STREQ(error.message(), "enough");
  }
  EXPECT_TRUE(ended);
  EXPECT_EQ(task.cancelling(), 2);
}

// BH-MISC-03
ASYNC_TEST(ToThread, a_cancel_ends_a_call_that_has_not_begun) {
  get_running_loop().set_default_executor(ThreadPoolExecutor(1));
  Gate entered = make_gate();
  Gate gate = make_gate();
  auto busy = create_task(to_thread(enter, entered, gate, 1));
  bool ran = false;
  auto task = create_task(to_thread([&ran] { ran = true; }));
  co_await settle();
  entered->wait();
  task.cancel();
  co_await settle();
  EXPECT_TRUE(task.cancelled());
  gate->count_down();
  EXPECT_EQ(co_await busy, 1);
  co_await get_running_loop().shutdown_default_executor();
  EXPECT_FALSE(ran);
}

ASYNC_TEST(ToThread, in_a_scope_is_left_when_the_call_has_ended) {
  Gate entered = make_gate();
  Gate gate = make_gate();
  CancelScope scope;
  auto task = create_task([](CancelScope& around, const Gate& begun, const Gate& leave) -> Coro<bool> {
    co_return co_await with(around, [&]() -> Coro<> { co_await to_thread(enter, begun, leave, 1); });
  }(scope, entered, gate));
  co_await settle();
  entered->wait();
  scope.cancel();
  co_await settle();
  EXPECT_FALSE(task.done());
  gate->count_down();
  EXPECT_FALSE(co_await task);
  EXPECT_TRUE(scope.cancelled_caught());
}

ASYNC_TEST(ToThread, a_cancel_requests_a_stop_of_a_callable_that_takes_a_stop_token) {
  Gate entered = make_gate();
  const auto run = [](std::stop_token stop, const Gate& begun, int& turns) -> std::unique_ptr<int> {
    begun->count_down();
    while (!stop.stop_requested()) std::this_thread::yield();
    ++turns;
    return std::make_unique<int>(turns);
  };
  int turns = 0;
  auto task = create_task(to_thread(run, entered, std::ref(turns)));
  co_await settle();
  entered->wait();
  task.cancel();
  EXPECT_THROW(co_await task, CancelledError);
  EXPECT_EQ(turns, 1);
}

ASYNC_TEST(ToThread, a_callable_with_a_stop_token_gives_its_result) {
  const auto sum = [](const std::stop_token& stop, int a, std::unique_ptr<int> b) {
    return stop.stop_requested() ? 0 : a + *b;
  };
  EXPECT_EQ(co_await to_thread(sum, 1, std::make_unique<int>(2)), 3);
}

// BH-MISC-03
ASYNC_TEST(ToThread, abandoned_on_cancel_throws_at_once_and_drops_the_late_exception) {
  Gate entered = make_gate();
  Gate gate = make_gate();
  Gate ended = make_gate();
  auto call = [](const Gate& begun, const Gate& leave, const Gate& end) {
    enter(begun, leave, 1);
    end->count_down();
    throw std::runtime_error("late");
  };
  auto task = create_task(to_thread(abandon_on_cancel, call, entered, gate, ended));
  co_await settle();
  entered->wait();
  task.cancel();
  co_await settle();
  EXPECT_TRUE(task.cancelled());
  gate->count_down();
  ended->wait();
  EXPECT_EQ(co_await to_thread(abandon_on_cancel, divide, 42, 7), 6);
}

}  // namespace
