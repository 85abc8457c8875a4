// SPDX-License-Identifier: MIT
#include <asyncio/run.h>

#include <asyncio/testing.h>

#include <stdexcept>

// Ctrl-C: interrupt_test.cpp. The default executor at the end: executor_test.cpp.

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

Coro<int> forty_two() { co_return 42; }
Coro<> nothing() { co_return; }
Coro<std::unique_ptr<int>> seven() { co_return std::make_unique<int>(7); }
Coro<> throws(std::string text) {
  throw std::runtime_error(text);
  co_return;
}

// What the loops that it makes report.
thread_local std::vector<std::string> reports;
std::unique_ptr<EventLoop> make_reporting_loop() {
  static VirtualClock clock;
  auto loop = std::make_unique<EventLoop>(LoopOptions{.clock = &clock});
  loop->set_exception_handler([](EventLoop&, const ExceptionContext& context) { reports.push_back(context.message); });
  reports.clear();
  return loop;
}
const RunOptions reporting{.loop_factory = &make_reporting_loop};

// BH-RUN-01
TEST(Run, gives_the_value_of_main_or_throws_its_exception) {
  EXPECT_EQ(run(forty_two()), 42);
  EXPECT_EQ(run(nothing()), 0);
  EXPECT_EQ(*run(seven()), 7);
  EXPECT_THROW(run(throws("oops"), reporting), std::runtime_error);
  EXPECT_TRUE(reports.empty());  // it was told to the caller
  EXPECT_THROW(get_running_loop(), RuntimeError);
}

// BH-RUN-01, BH-RUN-06
TEST(Run, cancels_what_is_left_and_waits_for_it) {
  std::string log;
  const auto worker = [](std::string& into) -> Coro<> {
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
    }
    co_await sleep(1s);
    into += "cleaned";
  };
  const auto main = [&]() -> Coro<> {
    create_task(worker(log));
    co_await sleep(0s);
  };
  run(main(), reporting);
  EXPECT_EQ(log, "cleaned");
  EXPECT_TRUE(reports.empty());
}

// BH-RUN-06
TEST(Run, does_the_same_where_main_throws) {
  std::string log;
  const auto worker = [](std::string& into) -> Coro<> {
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
      into += "cancelled";
      throw;
    }
  };
  const auto main = [&]() -> Coro<> {
    create_task(worker(log));
    co_await sleep(0s);
    throw std::out_of_range("oops");
  };
  EXPECT_THROW(run(main(), reporting), std::out_of_range);
  EXPECT_EQ(log, "cancelled");
}

// BH-RUN-06
TEST(Run, reports_what_a_task_throws_while_it_is_cancelled) {
  const auto worker = []() -> Coro<> {
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
      throw std::runtime_error("in the cleaning up");
    }
  };
  const auto main = [&]() -> Coro<> {
    create_task(worker());
    co_await sleep(0s);
  };
  run(main(), reporting);
  EXPECT_EQ(reports, std::vector<std::string>{"unhandled exception during run() shutdown"});
}

// BH-RUN-07
TEST(Run, waits_for_what_tasks_start_in_their_cleaning_up_and_cancels_that_too) {
  std::string log;
  struct Worker {
    static Coro<> work(int generation, std::string& log) {
      try {
        co_await sleep(1h);
      } catch (const CancelledError&) {
        log += std::to_string(generation);
        if (generation < 3) create_task(work(generation + 1, log));
      }
      co_await sleep(1s);
    }
  };
  const auto main = [&]() -> Coro<> {
    create_task(Worker::work(1, log));
    co_await sleep(0s);
  };
  run(main(), reporting);
  EXPECT_EQ(log, "123");
  EXPECT_TRUE(reports.empty());
}

// BH-RUN-07
TEST(Run, gives_up_on_tasks_that_start_new_ones_for_ever) {
  struct Hydra {
    static Coro<> grow() {
      try {
        co_await sleep(1h);
      } catch (const CancelledError&) {
        create_task(grow());
      }
      co_await sleep(0s);
    }
  };
  const auto main = [&]() -> Coro<> {
    create_task(Hydra::grow());
    co_await sleep(0s);
  };
  run(main(), reporting);
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_NE(reports[0].find("giving up"), std::string::npos);
  EXPECT_EQ(reports[1], "Task was destroyed but it is pending!");
}

// BH-RUN-02
ASYNC_TEST(Run, is_refused_in_a_running_loop_and_the_coroutine_is_closed) {
  auto held = std::make_shared<int>(1);
  bool started = false;
  const auto hold = [](bool& flag, std::shared_ptr<int>) -> Coro<> {
    flag = true;
    co_return;
  };
  EXPECT_THROW(run(hold(started, held)), RuntimeError);
  Runner runner;
  EXPECT_THROW(runner.run(hold(started, held)), RuntimeError);
  EXPECT_EQ(held.use_count(), 1);
  co_await settle();
  EXPECT_FALSE(started);
}

// BH-RUN-03
TEST(Run, takes_any_awaitable_and_any_callable_that_gives_one) {
  Runner runner(reporting);
  auto future = runner.get_loop().create_future<int>();
  runner.get_loop().call_soon([&] { future.set_result(7); });
  EXPECT_EQ(runner.run(future), 7);
  runner.run(sleep(1s));
  EXPECT_EQ(run([](int a, int b) -> Coro<int> { co_return a + b; }, 1, 2), 3);
  EXPECT_EQ(run(RunOptions{}, [](int a) -> Coro<int> { co_return a; }, 4), 4);
}

template <class T>
concept CanRun = requires(T value) { asyncio::run(value); };
static_assert(!CanRun<int> && CanRun<Future<int>>);

// BH-RUN-04
TEST(Runner, makes_its_loop_when_it_is_needed_and_keeps_it) {
  reports = {"of an earlier loop"};
  Runner runner(reporting);
  EXPECT_EQ(reports.size(), 1u);  // there is no new one yet
  EventLoop* first = nullptr;
  const auto look = [&](EventLoop*& seen) -> Coro<> {
    seen = &get_running_loop();
    co_return;
  };
  runner.run(look(first));
  EXPECT_TRUE(reports.empty());
  EXPECT_EQ(first, &runner.get_loop());
  EventLoop* second = nullptr;
  runner.run(look(second));
  EXPECT_EQ(first, second);

  reports = {"of an earlier loop"};
  Runner asked(reporting);
  EXPECT_FALSE(asked.get_loop().is_closed());
  EXPECT_TRUE(reports.empty());
}

// BH-RUN-04
TEST(Runner, is_of_no_more_use_once_it_is_closed) {
  auto held = std::make_shared<int>(1);
  const auto hold = [](std::shared_ptr<int>) -> Coro<> { co_return; };
  Runner runner(reporting);
  runner.run(nothing());
  runner.close();
  runner.close();
  EXPECT_THROW(runner.get_loop(), RuntimeError);
  EXPECT_THROW(runner.run(hold(held)), RuntimeError);
  EXPECT_EQ(held.use_count(), 1);
  reports = {"of an earlier loop"};
  Runner unused(reporting);
  unused.close();
  EXPECT_EQ(reports.size(), 1u);  // and made none for that
  EXPECT_THROW(unused.get_loop(), RuntimeError);
}

// BH-RUN-04
TEST(Runner, cannot_be_closed_by_what_it_runs) {
  Runner runner(reporting);
  bool refused = false;
  const auto main = [&]() -> Coro<> {
    try {
      runner.close();
    } catch (const RuntimeError&) {
      refused = true;
    }
    co_return;
  };
  runner.run(main());
  EXPECT_TRUE(refused);
  EXPECT_EQ(runner.run(forty_two()), 42);
}

TEST(Runner, tasks_that_are_left_by_one_run_go_on_in_the_next) {
  std::string log;
  const auto worker = [](std::string& into) -> Coro<> {
    co_await sleep(1s);
    into += "done";
  };
  Runner runner(reporting);
  const auto start = [&]() -> Coro<> {
    create_task(worker(log));
    co_return;
  };
  runner.run(start());
  EXPECT_EQ(log, "");
  runner.run(sleep(2s));
  EXPECT_EQ(log, "done");
}

const ContextVar<int> setting("setting", 0);

Coro<int> exchange_setting(int value) {
  const int old = setting.get();
  setting.set(value);
  co_return old;
}

// BH-RUN-05
TEST(Runner, what_one_run_sets_is_there_in_the_next) {
  Runner runner(reporting);
  EXPECT_EQ(runner.run(exchange_setting(1)), 0);
  EXPECT_EQ(runner.run(exchange_setting(2)), 1);
  EXPECT_EQ(runner.run(exchange_setting(3)), 2);
  Context other;
  EXPECT_EQ(runner.run(exchange_setting(10), {.context = &other}), 0);
  EXPECT_EQ(runner.run(exchange_setting(20), {.context = &other}), 10);
  EXPECT_EQ(runner.run(exchange_setting(4)), 3);
  EXPECT_EQ(setting.get(), 0);
}

// BH-RUN-05
TEST(Runner, begins_with_what_the_thread_has_set) {
  Context own;
  own.run([] {
    setting.set(5);
    Runner runner(reporting);
    EXPECT_EQ(runner.run(exchange_setting(6)), 5);
    EXPECT_EQ(runner.run(exchange_setting(7)), 6);
    EXPECT_EQ(setting.get(), 5);
  });
}

// BH-RUN-13
TEST(Run, has_the_loop_made_by_the_factory) {
  reports = {"of an earlier loop"};
  run(nothing(), reporting);
  EXPECT_TRUE(reports.empty());
}

TEST(Run, refuses_a_factory_that_makes_no_loop) {
  RunOptions options;
  options.loop_factory = []() -> std::unique_ptr<EventLoop> { return nullptr; };
  EXPECT_THROW(run(nothing(), options), RuntimeError);
  Runner runner(options);
  EXPECT_THROW(runner.get_loop(), RuntimeError);
}

// BH-RUN-08: as far as the tasks go.
TEST(Run, closes_the_loop_even_where_the_shutdown_fails) {
  const auto worker = []() -> Coro<> {
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
      throw SystemExit(9);
    }
  };
  auto runner = std::make_unique<Runner>(reporting);
  const auto main = [&]() -> Coro<> {
    create_task(worker());
    co_await sleep(0s);
  };
  runner->run(main());
  EventLoop& loop = runner->get_loop();
  EXPECT_THROW(runner->close(), SystemExit);
  EXPECT_TRUE(loop.is_closed());
}

}  // namespace
