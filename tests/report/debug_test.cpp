// SPDX-License-Identifier: MIT
#include <asyncio/event_loop.h>
#include <asyncio/stream.h>
#include <asyncio/testing.h>

#include <cstdlib>
#include <stdexcept>
#include <thread>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

// A loop in virtual time and in debug mode, whose reports are collected.
struct DebugLoop : EventLoop {
  explicit DebugLoop(VirtualClock& clock) : EventLoop({.debug = true, .clock = &clock}) {
    set_exception_handler([this](EventLoop&, const ExceptionContext& context) { reports.push_back(context); });
  }
  std::vector<ExceptionContext> reports;
};

// Time passes, as it does for a callback that blocks.
void block(VirtualClock& clock, std::chrono::nanoseconds duration) { clock.advance_to(clock.now() + duration); }

Coro<> nothing() { co_return; }

// Sets an environment variable, and restores it.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    ::setenv(name, value, 1);
  }
  Environment(const Environment&) = delete;
  ~Environment() {
    if (old_) {
      ::setenv(name_, old_->c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }

 private:
  const char* name_;
  std::optional<std::string> old_;
};

// BH-DBG-01
TEST(DebugMode, comes_from_the_environment_the_options_or_a_call) {
  {
    const Environment on("ASYNCIO_DEBUG", "1");
    EXPECT_TRUE(EventLoop().get_debug());
  }
  {
    const Environment off("ASYNCIO_DEBUG", "0");
    EXPECT_FALSE(EventLoop().get_debug());
    EXPECT_TRUE(EventLoop({.debug = true}).get_debug());
    bool inside = false;
    const auto main = [&]() -> Coro<> {
      inside = get_running_loop().get_debug();
      get_running_loop().set_debug(false);
      inside = inside && !get_running_loop().get_debug();
      co_return;
    };
    run(main(), {.debug = true});
    EXPECT_TRUE(inside);
  }
}

// BH-DBG-02
TEST(DebugMode, a_call_from_another_thread_throws_and_names_the_operation) {
  VirtualClock clock;
  DebugLoop loop(clock);
  auto future = loop.create_future<int>();
  auto waiter = loop.create_task(detail::as_coro(future));
  int refused = 0;
  const auto expect_refused = [&](std::string_view operation, auto call) {
    try {
      call();
      ADD_FAILURE() << operation << " went through";
    } catch (const RuntimeError& error) {
      EXPECT_TRUE(contains(error.what(), operation)) << error.what();
      EXPECT_TRUE(contains(error.what(), "not thread-safe")) << error.what();
      ++refused;
    }
  };
  loop.call_soon([&] {
    std::thread([&] {
      expect_refused("call_soon", [&] { loop.call_soon([] {}); });
      expect_refused("call_at", [&] { loop.call_later(1s, [] {}); });
      expect_refused("call_at", [&] { loop.call_at(TimePoint(), [] {}); });
      expect_refused("create_task", [&] { loop.create_task(nothing()); });
      expect_refused("set_result", [&] { future.set_result(1); });
      expect_refused("cancel", [&] { waiter.cancel(); });
      loop.call_soon_threadsafe([&] { future.set_result(2); });
    }).join();
  });
  EXPECT_EQ(loop.run_until_complete(waiter), 2);
  EXPECT_EQ(refused, 6);
  EXPECT_TRUE(loop.reports.empty());
}

// BH-DBG-03
TEST(DebugMode, a_slow_callback_is_reported_with_its_name_and_duration) {
  VirtualClock clock;
  DebugLoop loop(clock);
  struct SlowOne {
    VirtualClock& clock;
    void operator()() const { block(clock, 250ms); }
  };
  loop.call_soon(SlowOne{clock});
  loop.call_soon([&] { block(clock, 99ms); });
  loop.call_soon([&] { loop.stop(); });
  loop.run_forever();
  ASSERT_EQ(loop.reports.size(), 1u);
  EXPECT_TRUE(contains(loop.reports[0].message, "SlowOne took 0.25")) << loop.reports[0].message;
}

Coro<> blocking_child(VirtualClock& clock) {
  co_await sleep(1s);
  block(clock, 500ms);
}
Coro<> blocking_parent(VirtualClock& clock) { co_await blocking_child(clock); }

// BH-DBG-03
TEST(DebugMode, a_slow_step_of_a_task_is_reported_with_its_name_and_function) {
  VirtualClock clock;
  DebugLoop loop(clock);
  loop.run_until_complete(loop.create_task(blocking_parent(clock), {.name = "worker"}));
  ASSERT_EQ(loop.reports.size(), 1u);
  EXPECT_TRUE(contains(loop.reports[0].message, "worker, in ")) << loop.reports[0].message;
  EXPECT_TRUE(contains(loop.reports[0].message, "blocking_child")) << loop.reports[0].message;
  EXPECT_TRUE(contains(loop.reports[0].message, "debug_test.cpp")) << loop.reports[0].message;
  EXPECT_TRUE(contains(loop.reports[0].message, "took 0.5")) << loop.reports[0].message;
}

// BH-DBG-03
TEST(DebugMode, slow_callback_duration_can_be_set_and_zero_reports_all) {
  VirtualClock clock;
  DebugLoop loop(clock);
  loop.slow_callback_duration = 0s;
  loop.call_soon([&] { loop.stop(); });
  loop.run_forever();
  EXPECT_EQ(loop.reports.size(), 1u);
  loop.reports.clear();
  loop.slow_callback_duration = 1h;
  loop.call_soon([&] {
    block(clock, 59min);
    loop.stop();
  });
  loop.run_forever();
  EXPECT_TRUE(loop.reports.empty());
}

// BH-DBG-03
TEST(DebugMode, nothing_is_timed_without_it) {
  VirtualClock clock;
  DebugLoop loop(clock);
  loop.set_debug(false);
  loop.call_soon([&] {
    block(clock, 1h);
    loop.stop();
  });
  loop.run_forever();
  EXPECT_TRUE(loop.reports.empty());
}

// BH-DBG-03
TEST(DebugMode, begins_with_the_step_after_the_one_that_turns_it_on) {
  VirtualClock clock;
  DebugLoop loop(clock);
  loop.set_debug(false);
  loop.run_until_complete([](VirtualClock& time) -> Coro<> {
    block(time, 1h);
    get_running_loop().set_debug(true);
    co_await sleep(0s);
    block(time, 1h);
    co_await sleep(0s);
    block(time, 2h);
  }(clock));
  EXPECT_EQ(loop.reports.size(), 2u);
}

// BH-DBG-03
TEST(DebugMode, a_slow_done_callback_is_reported_too) {
  VirtualClock clock;
  DebugLoop loop(clock);
  auto future = loop.create_future<>();
  future.add_done_callback([&](const Future<>&) {
    block(clock, 1s);
    loop.stop();
  });
  future.set_result();
  loop.run_forever();
  EXPECT_EQ(loop.reports.size(), 1u);
}

// BH-DBG-03
TEST(DebugMode, a_slow_callback_of_another_thread_is_reported_too) {
  VirtualClock clock;
  DebugLoop loop(clock);
  std::thread([&] {
    loop.call_soon_threadsafe([&] {
      block(clock, 1s);
      loop.stop();
    });
  }).join();
  loop.run_forever();
  EXPECT_EQ(loop.reports.size(), 1u);
}

// BH-DBG-03: what reads for a task has it go on at once, which is no step of the loop.
TEST(DebugMode, a_slow_step_after_a_read_is_reported_too) {
  VirtualClock clock;
  DebugLoop loop(clock);
  loop.run_until_complete([](VirtualClock& time) -> Coro<> {
    StreamPair pair = make_stream_pair();
    Task<> reads = create_task(
        [](StreamReader& reader, VirtualClock& passing) -> Coro<> {
          co_await reader.readline();
          block(passing, 250ms);
        }(pair.second.reader, time),
        {.name = "reads"});
    co_await sleep(1s);
    pair.first.writer.write("line\n");
    co_await reads;
    pair.first.writer.close();
    pair.second.writer.close();
  }(clock));
  ASSERT_EQ(loop.reports.size(), 1u);
  EXPECT_TRUE(contains(loop.reports[0].message, "reads, in ")) << loop.reports[0].message;
  EXPECT_TRUE(contains(loop.reports[0].message, "took 0.25")) << loop.reports[0].message;
}

// BH-DBG-03
TEST(DebugMode, a_slow_step_inside_of_another_is_reported_once_and_alone) {
  VirtualClock clock;
  DebugLoop loop(clock);
  const auto blocks = [](VirtualClock& time) -> Coro<> {
    block(time, 250ms);
    co_return;
  };
  loop.run_until_complete([](VirtualClock& time, auto child) -> Coro<> {
    block(time, 60ms);
    co_await create_task(child(time), {.name = "child", .eager_start = true});
    block(time, 30ms);
  }(clock, blocks));
  ASSERT_EQ(loop.reports.size(), 1u);
  EXPECT_TRUE(contains(loop.reports[0].message, "child, in ")) << loop.reports[0].message;
  EXPECT_TRUE(contains(loop.reports[0].message, "took 0.25")) << loop.reports[0].message;
}

Coro<> throws(std::string text) {
  throw std::runtime_error(text);
  co_return;
}

// BH-DBG-04: a task always knows its place, a coroutine its function.
TEST(ExceptionHandler, a_report_says_where_the_task_was_made) {
  VirtualClock clock;
  DebugLoop loop(clock);
  loop.create_task(throws("oops"), {.name = "worker"});
  loop.call_later(1s, [&] { loop.stop(); });
  loop.run_forever();
  ASSERT_EQ(loop.reports.size(), 1u);
  EXPECT_EQ(loop.reports[0].message, "Task exception was never retrieved");
  EXPECT_TRUE(contains(loop.reports[0].extra, "worker")) << loop.reports[0].extra;
  EXPECT_TRUE(contains(loop.reports[0].extra, "debug_test.cpp")) << loop.reports[0].extra;
}

ASYNC_TEST(ExceptionHandler, a_coroutine_that_is_never_awaited_is_reported_with_its_place) {
  {
    auto dropped = nothing();
  }
  const std::vector<std::string> reports = take_reports();
  require(reports.size() == 1);
  EXPECT_TRUE(contains(reports[0], "nothing")) << reports[0];
  EXPECT_TRUE(contains(reports[0], "debug_test.cpp:")) << reports[0];
  EXPECT_TRUE(contains(reports[0], "was never awaited")) << reports[0];
  co_return;
}

// BH-DBG-06, BH-DBG-07
TEST(ExceptionHandler, the_default_one_prints_the_message_and_all_that_is_known) {
  VirtualClock clock;
  EventLoop loop({.clock = &clock});
  ::testing::internal::CaptureStderr();
  loop.call_exception_handler({.message = "something went wrong",
                               .exception = std::make_exception_ptr(std::out_of_range("too far")),
                               .task = loop.create_task(nothing(), {.name = "worker"}),
                               .extra = "  more: about it"});
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_TRUE(contains(text, "something went wrong")) << text;
  EXPECT_TRUE(contains(text, "std::out_of_range: too far")) << text;
  EXPECT_TRUE(contains(text, "worker")) << text;
  EXPECT_TRUE(contains(text, "more: about it")) << text;
  loop.stop();
  loop.run_forever();
}

// BH-DBG-06
TEST(ExceptionHandler, a_message_alone_is_enough) {
  VirtualClock clock;
  DebugLoop loop(clock);
  loop.call_exception_handler({.message = "no more than this"});
  ASSERT_EQ(loop.reports.size(), 1u);
  EXPECT_EQ(loop.reports[0].exception, nullptr);
  EXPECT_FALSE(loop.reports[0].task);
  EXPECT_FALSE(loop.reports[0].handle);
}

// BH-DBG-08
TEST(ExceptionHandler, can_be_set_and_restored_even_by_itself) {
  VirtualClock clock;
  EventLoop loop({.clock = &clock});
  auto held = std::make_shared<int>(0);
  loop.set_exception_handler([held](EventLoop& owner, const ExceptionContext&) {
    owner.set_exception_handler(nullptr);
    ++*held;  // still there
  });
  loop.call_exception_handler({.message = "first"});
  EXPECT_EQ(*held, 1);
  EXPECT_EQ(held.use_count(), 1);

  ::testing::internal::CaptureStderr();
  loop.call_exception_handler({.message = "second"});
  EXPECT_TRUE(contains(::testing::internal::GetCapturedStderr(), "second"));
  EXPECT_EQ(*held, 1);
}

const ContextVar<std::string> user("user", "nobody");

Coro<> fails_as(std::string name) {
  user.set(name);
  throw std::runtime_error("oops");
  co_return;
}

// BH-DBG-08
ASYNC_TEST(ExceptionHandler, runs_in_the_context_of_what_failed) {
  std::vector<std::string> users;
  EventLoop& loop = get_running_loop();
  loop.set_exception_handler([&](EventLoop&, const ExceptionContext&) { users.push_back(user.get()); });
  create_task(fails_as("alice"));
  loop.call_soon([] {
    user.set("bob");
    throw std::runtime_error("oops");
  });
  co_await settle();
  EXPECT_EQ(users, (std::vector<std::string>{"alice", "bob"}));
}

// BH-DBG-09
TEST(ExceptionHandler, one_that_throws_falls_back_to_the_default_with_both_errors) {
  VirtualClock clock;
  EventLoop loop({.clock = &clock});
  loop.set_exception_handler([](EventLoop&, const ExceptionContext&) { throw std::logic_error("handler broke"); });
  ::testing::internal::CaptureStderr();
  loop.call_soon([] { throw std::runtime_error("the first error"); });
  int later = 0;
  loop.call_soon([&] { ++later; });
  loop.stop();
  loop.run_forever();
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_TRUE(contains(text, "Unhandled error in exception handler")) << text;
  EXPECT_TRUE(contains(text, "handler broke")) << text;
  EXPECT_TRUE(contains(text, "the first error")) << text;
  EXPECT_EQ(later, 1);
}

// BH-DBG-09
TEST(ExceptionHandler, an_exit_thrown_by_it_leaves_the_loop) {
  VirtualClock clock;
  EventLoop loop({.clock = &clock});
  loop.set_exception_handler([](EventLoop&, const ExceptionContext&) { throw SystemExit(2); });
  loop.call_soon([] { throw std::runtime_error("oops"); });
  EXPECT_THROW(loop.run_forever(), SystemExit);
}

// BH-DBG-11, BH-FUT-14
ASYNC_TEST(ExceptionHandler, an_exception_that_nobody_looked_at_is_reported_once) {
  {
    Future<int> future;
    future.set_exception(std::runtime_error("oops"));
  }
  EXPECT_EQ(take_reports(), std::vector<std::string>{"Future exception was never retrieved: oops"});
  co_return;
}

// BH-DBG-11
ASYNC_TEST(ExceptionHandler, a_look_at_the_exception_silences_the_report) {
  const auto failed = [] {
    Future<int> future;
    future.set_exception(std::runtime_error("oops"));
    return future;
  };
  {
    auto future = failed();
    EXPECT_THROW(future.result(), std::runtime_error);
  }
  {
    auto future = failed();
    EXPECT_NE(future.exception(), nullptr);
  }
  {
    auto future = failed();
    EXPECT_FALSE(future.cancel());
  }
  {
    auto future = failed();
    int caught = 0;
    try {
      co_await future;
    } catch (const std::runtime_error&) {
      ++caught;
    }
    EXPECT_EQ(caught, 1);
  }
}

// BH-DBG-11
ASYNC_TEST(ExceptionHandler, a_task_that_failed_unseen_is_reported_when_its_last_handle_goes) {
  auto task = create_task(throws("oops"));
  co_await settle();
  EXPECT_TRUE(task.done());
  EXPECT_TRUE(take_reports().empty());
  task = Task<>();
  EXPECT_EQ(take_reports(), std::vector<std::string>{"Task exception was never retrieved: oops"});
}

TEST(ExceptionHandler, a_failed_task_that_outlives_its_loop_is_reported_to_standard_error) {
  Task<> task;
  {
    EventLoop loop;
    task = loop.create_task(throws("oops"));
    loop.stop();
    loop.run_forever();
    EXPECT_TRUE(task.done());
  }
  ::testing::internal::CaptureStderr();
  task = Task<>();
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_TRUE(contains(text, "never retrieved")) << text;
  EXPECT_TRUE(contains(text, "oops")) << text;
}

}  // namespace
