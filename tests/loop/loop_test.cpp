// SPDX-License-Identifier: MIT
#include <asyncio/event_loop.h>
#include <asyncio/testing.h>

#include "loop/loop_state.h"

#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>
#include <thread>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

// A loop in virtual time, whose reports are collected.
struct Loop : EventLoop {
  explicit Loop(VirtualClock& clock) : EventLoop({.clock = &clock}) {
    set_exception_handler([this](EventLoop&, const ExceptionContext& context) { reports.push_back(context); });
  }
  std::vector<ExceptionContext> reports;
};

Coro<int> forty_two() { co_return 42; }
Coro<> wait_forever() { co_await sleep(24h * 365); }
Coro<std::unique_ptr<int>> make_unique_seven() { co_return std::make_unique<int>(7); }

// BH-LOOP-03
ASYNC_TEST(EventLoop, runs_callbacks_in_the_order_of_the_calls_and_each_once) {
  std::string log;
  EventLoop& loop = get_running_loop();
  for (char name : {'a', 'b', 'c', 'd'}) loop.call_soon([&log, name] { log += name; });
  EXPECT_EQ(log, "");
  co_await settle();
  EXPECT_EQ(log, "abcd");
}

// BH-LOOP-01, BH-LOOP-02: in the next iteration, which need not ask the kernel.
ASYNC_TEST(EventLoop, runs_what_a_callback_schedules_in_the_next_iteration) {
  std::string log;
  EventLoop& loop = get_running_loop();
  loop.call_soon([&] {
    log += 'a';
    loop.call_soon([&] { log += 'c'; });
  });
  loop.call_soon([&] { log += 'b'; });
  co_await sleep(0s);
  EXPECT_EQ(log, "ab");
  co_await sleep(0s);
  EXPECT_EQ(log, "abc");
}

// BH-LOOP-01, BH-LOOP-02: polls are bounded, so that nothing starves.
ASYNC_IO_TEST(EventLoop, callbacks_that_reschedule_each_other_starve_neither_timers_nor_other_threads) {
  EventLoop& loop = get_running_loop();
  bool timer = false;
  bool thread = false;
  struct Spin {
    EventLoop& loop;
    bool stop = false;
    void operator()() {
      if (!stop) loop.call_soon([this] { (*this)(); });
    }
  } spin{loop};
  spin();
  loop.call_later(1ms, [&] { timer = true; });
  std::thread sender([&] { loop.call_soon_threadsafe([&] { thread = true; }); });
  while (!timer || !thread) co_await sleep(0s);
  spin.stop = true;
  sender.join();
  co_await settle();
}

// BH-LOOP-05
ASYNC_TEST(EventLoop, a_delay_of_zero_or_less_comes_after_what_is_queued) {
  std::string log;
  EventLoop& loop = get_running_loop();
  loop.call_soon([&] { log += 'a'; });
  loop.call_later(0s, [&] { log += 'b'; });
  loop.call_later(-5s, [&] { log += 'c'; });
  loop.call_at(loop.time() - 1h, [&] { log += 'd'; });
  loop.call_soon([&] { log += 'e'; });
  EXPECT_EQ(log, "");
  co_await sleep(0s);
  EXPECT_EQ(log, "abcde");
}

// BH-LOOP-08
ASYNC_TEST(EventLoop, timers_fire_in_the_order_of_their_deadlines) {
  std::string log;
  EventLoop& loop = get_running_loop();
  const TimePoint start = loop.time();
  loop.call_later(3s, [&] { log += 'c'; });
  loop.call_later(1s, [&] { log += 'a'; });
  TimerHandle handle = loop.call_at(start + 2s, [&] { log += 'b'; });
  EXPECT_EQ(handle.when(), start + 2s);
  co_await sleep(5s);
  EXPECT_EQ(log, "abc");
  EXPECT_EQ(loop.time(), start + 5s);
  EXPECT_EQ(handle.when(), start + 2s);
}

// BH-LOOP-09
ASYNC_TEST(EventLoop, timers_of_one_deadline_fire_in_the_order_in_which_they_were_made) {
  std::vector<int> order;
  EventLoop& loop = get_running_loop();
  const TimePoint when = loop.time() + 1s;
  for (int i = 0; i < 100; ++i) loop.call_at(when, [&order, i] { order.push_back(i); });
  co_await sleep(2s);
  require(order.size() == 100);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

// BH-LOOP-07: the clock counts nanoseconds, and no timer fires before its time or an iteration after it.
ASYNC_TEST(EventLoop, a_timer_fires_at_its_very_nanosecond) {
  EventLoop& loop = get_running_loop();
  const TimePoint start = loop.time();
  TimePoint fired;
  loop.call_later(1500ns, [&] { fired = loop.time(); });
  co_await sleep(1501ns);
  EXPECT_EQ(fired, start + 1500ns);
}

// BH-LOOP-10
ASYNC_TEST(EventLoop, cancelled_timers_leave_nothing_behind) {
  EventLoop& loop = get_running_loop();
  loop.call_later(1h, [] {}).cancel();
  const std::size_t memory = detail::FramePool::bytes_in_use();
  const std::size_t chunks = detail::FramePool::chunks();
  for (int i = 0; i < 100'000; ++i) loop.call_later(1h, [] {}).cancel();
  EXPECT_EQ(loop.state().timers.size(), 0u);
  EXPECT_EQ(detail::FramePool::bytes_in_use(), memory);
  EXPECT_EQ(detail::FramePool::chunks(), chunks);
  co_return;
}

// BH-LOOP-11
ASYNC_IO_TEST(EventLoop, a_timer_that_is_centuries_away_is_no_error) {
  EventLoop& loop = get_running_loop();
  TimerHandle never = loop.call_at(TimePoint::max(), [] {});
  TimerHandle later = loop.call_later(std::chrono::hours::max(), [] {});
  EXPECT_EQ(later.when(), TimePoint::max());
  std::thread sender([&] { loop.call_soon_threadsafe([] {}); });
  co_await sleep(1ms);
  sender.join();
  never.cancel();
  later.cancel();
}

// BH-LOOP-15
TEST(EventLoop, stop_lets_the_iteration_end_and_keeps_what_it_made_ready) {
  VirtualClock clock;
  Loop loop(clock);
  std::string log;
  loop.call_soon([&] {
    loop.stop();
    log += 'a';
    loop.call_soon([&] { log += 'c'; });
  });
  loop.call_soon([&] { log += 'b'; });
  loop.run_forever();
  EXPECT_EQ(log, "ab");
  loop.stop();
  loop.run_forever();
  EXPECT_EQ(log, "abc");
}

// BH-LOOP-15
TEST(EventLoop, stop_before_the_run_makes_it_one_iteration_that_does_not_wait) {
  VirtualClock clock;
  Loop loop(clock);
  std::string log;
  loop.call_soon([&] { log += 'a'; });
  loop.call_later(1h, [&] { log += 'z'; });
  loop.stop();
  loop.run_forever();
  EXPECT_EQ(log, "a");
  EXPECT_EQ(clock.elapsed(), 0s);
}

// BH-LOOP-16
TEST(EventLoop, cannot_run_within_itself_or_another) {
  VirtualClock clock;
  Loop loop(clock);
  Loop other(clock);
  int refused = 0;
  loop.call_soon([&] {
    EXPECT_THROW(loop.run_forever(), RuntimeError);
    EXPECT_THROW(other.run_forever(), RuntimeError);
    EXPECT_THROW(loop.run_until_complete(forty_two()), RuntimeError);
    EXPECT_THROW(other.run_until_complete(forty_two()), RuntimeError);
    ++refused;
    loop.stop();
  });
  loop.run_forever();
  EXPECT_EQ(refused, 1);
  EXPECT_TRUE(loop.reports.empty());  // the refused coroutines were closed: neither started
  EXPECT_TRUE(other.reports.empty());
  EXPECT_TRUE(detail::core_of(loop).live.alone());
  EXPECT_TRUE(detail::core_of(other).live.alone());
}

// BH-LOOP-16
TEST(EventLoop, is_not_running_any_more_after_an_exception_has_left_it) {
  VirtualClock clock;
  Loop loop(clock);
  loop.call_soon([] { throw SystemExit(3); });
  EXPECT_THROW(loop.run_forever(), SystemExit);
  EXPECT_FALSE(loop.is_running());
  EXPECT_THROW(get_running_loop(), RuntimeError);
  EXPECT_EQ(loop.run_until_complete(forty_two()), 42);
}

// BH-LOOP-17
TEST(EventLoop, run_until_complete_gives_the_result_or_throws) {
  VirtualClock clock;
  Loop loop(clock);
  EXPECT_EQ(loop.run_until_complete(forty_two()), 42);
  EXPECT_EQ(*loop.run_until_complete(make_unique_seven()), 7);
  EXPECT_EQ(*loop.run_until_complete(loop.create_task(make_unique_seven())), 7);

  auto task = loop.create_task(forty_two());
  const int& by_reference = loop.run_until_complete(task);
  EXPECT_EQ(&by_reference, &task.result());

  auto future = loop.create_future<int>();
  future.set_exception(std::out_of_range("no such thing"));
  EXPECT_THROW(loop.run_until_complete(future), std::out_of_range);
  EXPECT_TRUE(loop.reports.empty());
}

// BH-LOOP-17
TEST(EventLoop, run_until_complete_of_a_loop_that_is_stopped_throws_and_leaves_no_trace) {
  VirtualClock clock;
  Loop loop(clock);
  auto future = loop.create_future<int>();
  loop.call_soon([&] { loop.stop(); });
  EXPECT_THROW(loop.run_until_complete(future), RuntimeError);
  EXPECT_TRUE(future.state().joiners().empty());
  EXPECT_FALSE(future.done());
  // The next one is not stopped by what was left of it.
  future.set_result(1);
  EXPECT_EQ(loop.run_until_complete(future), 1);
}

TEST(EventLoop, run_until_complete_refuses_the_future_of_another_loop) {
  VirtualClock clock;
  Loop loop(clock);
  Loop other(clock);
  auto future = other.create_future<int>();
  EXPECT_THROW(loop.run_until_complete(future), ValueError);
}

// BH-LOOP-18, BH-TASK-26
TEST(EventLoop, close_drops_what_is_queued_and_destroys_tasks_with_a_report) {
  VirtualClock clock;
  Loop loop(clock);
  auto held = std::make_shared<int>(1);
  loop.call_soon([held] { FAIL(); });
  loop.call_later(1h, [held] { FAIL(); });
  loop.call_soon_threadsafe([held] { FAIL(); });
  auto task = loop.create_task(wait_forever());
  auto future = loop.create_future<int>();
  future.add_done_callback([held](const Future<int>&) { FAIL(); });
  EXPECT_EQ(held.use_count(), 5);
  EXPECT_FALSE(loop.is_closed());

  loop.close();
  EXPECT_TRUE(loop.is_closed());
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_TRUE(task.cancelled());
  ASSERT_EQ(loop.reports.size(), 1u);
  EXPECT_EQ(loop.reports[0].message, "Task was destroyed but it is pending!");
  EXPECT_EQ(loop.reports[0].task, task);
  loop.close();
  EXPECT_EQ(loop.reports.size(), 1u);
  future.set_result(1);  // nobody is told
}

// BH-LOOP-18
TEST(EventLoop, close_destroys_the_newest_task_first) {
  VirtualClock clock;
  Loop loop(clock);
  struct Gone {
    std::string& log;
    const char* name;
    ~Gone() { log += name; }
  };
  std::string log;
  const auto child = [&](const char* name) -> Coro<> {
    const Gone gone{log, name};
    co_await wait_forever();
  };
  const auto parent = [&]() -> Coro<> {
    const Gone gone{log, "parent "};
    auto first = create_task(child("first "));
    auto second = create_task(child("second "));
    co_await first;
  };
  auto task = loop.create_task(parent());
  loop.call_later(1s, [&] { loop.stop(); });
  loop.run_forever();
  loop.close();
  EXPECT_EQ(log, "second first parent ");
  EXPECT_TRUE(task.cancelled());
  EXPECT_EQ(loop.reports.size(), 3u);
}

// BH-LOOP-18
TEST(EventLoop, cannot_be_closed_while_it_runs) {
  VirtualClock clock;
  Loop loop(clock);
  loop.call_soon([&] {
    EXPECT_THROW(loop.close(), RuntimeError);
    loop.stop();
  });
  loop.run_forever();
  EXPECT_FALSE(loop.is_closed());
}

// BH-LOOP-19
TEST(EventLoop, everything_that_schedules_throws_once_it_is_closed) {
  VirtualClock clock;
  Loop loop(clock);
  auto future = loop.create_future<int>();
  loop.close();
  EXPECT_THROW(loop.call_soon([] {}), RuntimeError);
  EXPECT_THROW(loop.call_later(1s, [] {}), RuntimeError);
  EXPECT_THROW(loop.call_at(loop.time(), [] {}), RuntimeError);
  EXPECT_THROW(loop.call_soon_threadsafe([] {}), RuntimeError);
  EXPECT_THROW(loop.run_forever(), RuntimeError);
  EXPECT_THROW(loop.run_until_complete(forty_two()), RuntimeError);
  EXPECT_THROW(loop.create_task(forty_two()), RuntimeError);
  EXPECT_TRUE(loop.reports.empty());

  auto held = std::make_shared<int>(1);
  future.add_done_callback([held](const Future<int>&) { FAIL(); });
  future.set_result(1);
  future.add_done_callback([held](const Future<int>&) { FAIL(); });
  EXPECT_EQ(held.use_count(), 1);
}

// BH-LOOP-20
TEST(EventLoop, an_exception_in_a_callback_goes_to_the_handler_and_the_next_ones_run) {
  VirtualClock clock;
  Loop loop(clock);
  std::string log;
  loop.call_soon([] { throw std::runtime_error("oops"); });
  loop.call_soon([&] {
    log += 'b';
    loop.stop();
  });
  loop.run_forever();
  EXPECT_EQ(log, "b");
  ASSERT_EQ(loop.reports.size(), 1u);
  EXPECT_EQ(loop.reports[0].message, "Exception in a callback");
  EXPECT_THROW(std::rethrow_exception(loop.reports[0].exception), std::runtime_error);
  EXPECT_TRUE(loop.reports[0].handle);
}

// BH-LOOP-21
TEST(EventLoop, an_exit_leaves_at_once_and_the_rest_runs_the_next_time) {
  VirtualClock clock;
  Loop loop(clock);
  std::string log;
  loop.call_soon([&] { log += 'a'; });
  loop.call_soon([] { throw KeyboardInterrupt(); });
  loop.call_soon([&] { log += 'b'; });
  EXPECT_THROW(loop.run_forever(), KeyboardInterrupt);
  EXPECT_EQ(log, "a");
  loop.stop();
  loop.run_forever();
  EXPECT_EQ(log, "ab");
  EXPECT_TRUE(loop.reports.empty());
}

// BH-LOOP-21
TEST(EventLoop, an_exit_from_another_thread_leaves_before_the_next_callback) {
  VirtualClock clock;
  Loop loop(clock);
  std::string log;
  loop.call_soon_threadsafe([] { throw SystemExit(1); });
  loop.call_soon_threadsafe([&] { loop.call_soon([&] { log += 'b'; }); });
  EXPECT_THROW(loop.run_forever(), SystemExit);
  EXPECT_EQ(log, "");
  loop.stop();
  loop.run_forever();
  EXPECT_EQ(log, "b");
}

// BH-LOOP-23
TEST(EventLoop, the_child_of_a_fork_runs_its_own) {
  VirtualClock clock;
  Loop loop(clock);
  int status = -1;
  loop.call_soon([&] {
    const pid_t child = ::fork();
    if (child == 0) {
      bool own = false;
      try {
        get_running_loop();
      } catch (const RuntimeError&) {
        EventLoop mine;
        own = mine.run_until_complete(forty_two()) == 42;
      }
      ::_exit(own ? 0 : 1);
    }
    ::waitpid(child, &status, 0);
    EXPECT_EQ(&get_running_loop(), &loop);
    loop.stop();
  });
  loop.run_forever();
  EXPECT_EQ(status, 0);
}

// BH-LOOP-23
TEST(EventLoop, a_coroutine_that_forks_goes_on_in_the_child_and_may_run_a_loop) {
  const auto fork = []() -> Coro<pid_t> { co_return ::fork(); };
  int status = -1;
  run([](auto make_fork, int& result) -> Coro<> {
    const pid_t child = co_await make_fork();
    if (child == 0) {
      const bool has_none = !current_task();
      const bool own = EventLoop().run_until_complete(forty_two()) == 42;
      const int more = co_await forty_two();  // and goes on here
      ::_exit(has_none && own && more == 42 ? 0 : 1);
    }
    ::waitpid(child, &result, 0);
  }(fork, status));
  EXPECT_EQ(status, 0);
}

// BH-LOOP-24
TEST(EventLoop, is_the_running_one_only_while_it_runs) {
  VirtualClock clock;
  Loop loop(clock);
  EXPECT_FALSE(loop.is_running());
  EXPECT_THROW(get_running_loop(), RuntimeError);
  loop.call_soon([&] {
    EXPECT_TRUE(loop.is_running());
    EXPECT_EQ(&get_running_loop(), &loop);
    std::thread([] { EXPECT_THROW(get_running_loop(), RuntimeError); }).join();
    loop.stop();
  });
  loop.run_forever();
  EXPECT_FALSE(loop.is_running());
  EXPECT_THROW(get_running_loop(), RuntimeError);
}

TEST(EventLoop, two_of_them_run_in_two_threads) {
  int sum = 0;
  std::thread other([&] {
    EventLoop loop;
    sum = loop.run_until_complete(forty_two());
  });
  EventLoop loop;
  EXPECT_EQ(loop.run_until_complete(forty_two()), 42);
  other.join();
  EXPECT_EQ(sum, 42);
}

}  // namespace
