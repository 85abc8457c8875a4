// SPDX-License-Identifier: MIT
#include <asyncio/handle.h>

#include <asyncio/testing.h>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

// BH-LOOP-04
ASYNC_TEST(Handle, a_cancelled_callback_does_not_run) {
  std::string log;
  EventLoop& loop = get_running_loop();
  Handle a = loop.call_soon([&] { log += 'a'; });
  loop.call_soon([&] { log += 'b'; });
  EXPECT_FALSE(a.cancelled());
  a.cancel();
  a.cancel();
  EXPECT_TRUE(a.cancelled());
  co_await settle();
  EXPECT_EQ(log, "b");
}

// BH-LOOP-04
ASYNC_TEST(Handle, a_callback_that_is_ready_can_be_cancelled_by_the_one_before_it) {
  std::string log;
  EventLoop& loop = get_running_loop();
  Handle second;
  loop.call_soon([&] {
    log += 'a';
    second.cancel();
  });
  second = loop.call_soon([&] { log += 'b'; });
  co_await settle();
  EXPECT_EQ(log, "a");
}

ASYNC_TEST(Handle, a_cancel_destroys_what_the_callback_holds) {
  EventLoop& loop = get_running_loop();
  auto held = std::make_shared<int>(1);
  Handle handle = loop.call_soon([held] {});
  TimerHandle timer = loop.call_later(1h, [held] {});
  EXPECT_EQ(held.use_count(), 3);
  handle.cancel();
  timer.cancel();
  EXPECT_EQ(held.use_count(), 1);
  co_return;
}

ASYNC_TEST(Handle, what_the_callback_holds_is_gone_once_it_has_run) {
  EventLoop& loop = get_running_loop();
  auto held = std::make_shared<int>(1);
  Handle handle = loop.call_soon([held] {});
  co_await settle();
  EXPECT_EQ(held.use_count(), 1);
  handle.cancel();  // too late, and no error
}

ASYNC_TEST(Handle, a_callback_may_cancel_itself) {
  EventLoop& loop = get_running_loop();
  int runs = 0;
  Handle handle;
  handle = loop.call_soon([&] {
    ++runs;
    handle.cancel();
  });
  co_await settle();
  EXPECT_EQ(runs, 1);
}

ASYNC_TEST(Handle, dropping_it_changes_nothing) {
  int runs = 0;
  get_running_loop().call_soon([&] { ++runs; });
  co_await settle();
  EXPECT_EQ(runs, 1);
}

ASYNC_TEST(Handle, the_loop_owns_the_arguments_and_moves_them_in) {
  EventLoop& loop = get_running_loop();
  std::string got;
  std::string text = "a text that is too long for the small buffer of a string";
  auto number = std::make_unique<int>(7);
  loop.call_soon([&got](std::string s, std::unique_ptr<int> n) { got = s + std::to_string(*n); }, text,
                 std::move(number));
  text.clear();
  co_await settle();
  EXPECT_EQ(got, "a text that is too long for the small buffer of a string7");
}

struct Counter {
  int value = 0;
  void add(int by) { value += by; }
};

ASYNC_TEST(Handle, a_member_function_can_be_called) {
  Counter counter;
  get_running_loop().call_soon(&Counter::add, &counter, 3);
  co_await settle();
  EXPECT_EQ(counter.value, 3);
}

ASYNC_TEST(TimerHandle, a_cancelled_timer_does_not_fire_and_a_fired_one_can_be_cancelled) {
  std::string log;
  EventLoop& loop = get_running_loop();
  TimerHandle a = loop.call_later(1s, [&] { log += 'a'; });
  TimerHandle b = loop.call_later(2s, [&] { log += 'b'; });
  a.cancel();
  co_await sleep(3s);
  EXPECT_EQ(log, "b");
  b.cancel();
  EXPECT_TRUE(b.cancelled());
}

ASYNC_TEST(TimerHandle, a_timer_can_be_cancelled_by_another_that_is_due_at_the_same_time) {
  std::string log;
  EventLoop& loop = get_running_loop();
  const TimePoint when = loop.time() + 1s;
  TimerHandle second;
  loop.call_at(when, [&] {
    log += 'a';
    second.cancel();
  });
  second = loop.call_at(when, [&] { log += 'b'; });
  co_await sleep(2s);
  EXPECT_EQ(log, "a");
}

TEST(TimerHandle, may_outlive_its_loop) {
  TimerHandle timer;
  Handle handle;
  {
    EventLoop loop;
    timer = loop.call_later(1h, [] {});
    handle = loop.call_soon([] {});
  }
  timer.cancel();
  handle.cancel();
  EXPECT_TRUE(timer.cancelled());
}

}  // namespace
