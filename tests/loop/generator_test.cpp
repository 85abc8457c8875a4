// SPDX-License-Identifier: MIT
#include <asyncio/generator.h>

#include <asyncio/testing.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

AsyncGenerator<int> count_to(int last) {
  for (int i = 1; i <= last; ++i) {
    co_await sleep(1s);
    co_yield i;
  }
}

// Says in the log when it goes.
class Leaving {
 public:
  Leaving(std::string& log, const char* text) : log_(log), text_(text) {}
  Leaving(const Leaving&) = delete;
  ~Leaving() { log_ += text_; }

 private:
  std::string& log_;
  const char* text_;
};

// Says in `log` where it is; ends only by an exception.
AsyncGenerator<std::string> talkative(std::string& log) {
  const Leaving leaving(log, "left");
  for (;;) {
    log += "yield ";
    co_yield "word";
  }
}

AsyncGenerator<int> waits_an_hour(std::string& log) {
  const Leaving leaving(log, "left ");
  co_await sleep(1h);
  co_yield 1;
}

AsyncGenerator<int> failing() {
  co_yield 1;
  throw std::runtime_error("no more");
}

ASYNC_TEST(AsyncGenerator, gives_its_values_in_order_and_then_nothing) {
  auto gen = count_to(3);
  std::vector<int> values;
  while (auto value = co_await gen.next()) values.push_back(*value);
  EXPECT_EQ(values, (std::vector{1, 2, 3}));
  auto more = co_await gen.next();
  EXPECT_FALSE(more.has_value());
}

ASYNC_TEST(AsyncGenerator, runs_nothing_before_the_first_step) {
  std::string log;
  {
    auto gen = talkative(log);
    co_await settle();
  }
  EXPECT_EQ(log, "");
}

ASYNC_TEST(AsyncGenerator, takes_no_time_of_its_own) {
  auto& loop = get_running_loop();
  const auto begin = loop.time();
  auto gen = count_to(2);
  auto first = co_await gen.next();
  EXPECT_EQ(*first, 1);
  EXPECT_EQ(loop.time() - begin, 1s);
  co_await sleep(10s);  // it does not go on meanwhile
  auto second = co_await gen.next();
  EXPECT_EQ(*second, 2);
  EXPECT_EQ(loop.time() - begin, 12s);
}

ASYNC_TEST(AsyncGenerator, an_exception_comes_out_of_next_and_ends_it) {
  auto gen = failing();
  auto first = co_await gen.next();
  EXPECT_EQ(*first, 1);
  std::string caught;
  try {
    auto second = co_await gen.next();
    EXPECT_FALSE(second.has_value());
  } catch (const std::runtime_error& error) {
    caught = error.what();
  }
  EXPECT_EQ(caught, "no more");
  auto third = co_await gen.next();
  EXPECT_FALSE(third.has_value());
}

// BH-AG-02
ASYNC_TEST(AsyncGenerator, dropped_half_way_destroys_its_locals) {
  std::string log;
  {
    auto gen = talkative(log);
    auto word = co_await gen.next();
    EXPECT_EQ(*word, "word");
    EXPECT_EQ(log, "yield ");
  }
  EXPECT_EQ(log, "yield left");
}

// BH-AG-01
ASYNC_TEST(AsyncGenerator, aclose_throws_generator_exit_at_the_yield) {
  std::string log;
  auto gen = talkative(log);
  auto word = co_await gen.next();
  EXPECT_TRUE(word.has_value());
  co_await gen.aclose();
  EXPECT_EQ(log, "yield left");
  auto after = co_await gen.next();
  EXPECT_FALSE(after.has_value());
  co_await gen.aclose();  // twice is once
}

AsyncGenerator<int> stubborn() {
  for (;;) {
    try {
      co_yield 1;
    } catch (const GeneratorExit&) {
    }
  }
}

ASYNC_TEST(AsyncGenerator, one_that_yields_when_closed_is_an_error) {
  auto gen = stubborn();
  auto value = co_await gen.next();
  EXPECT_EQ(*value, 1);
  std::string caught;
  try {
    co_await gen.aclose();
  } catch (const RuntimeError& error) {
    caught = error.what();
  }
  EXPECT_EQ(caught, "the generator yielded again instead of ending");
}

Coro<> take_one(AsyncGenerator<int>& gen) { co_await gen.next(); }

// BH-AG-03
ASYNC_TEST(AsyncGenerator, a_second_step_while_one_runs_is_an_error) {
  auto gen = count_to(2);
  auto first = create_task(take_one(gen));
  auto second = create_task(take_one(gen));
  co_await settle();
  EXPECT_FALSE(first.done());
  require(second.done());
  EXPECT_THROW(second.result(), RuntimeError);
  std::string caught;
  try {
    co_await gen.aclose();
  } catch (const RuntimeError& error) {
    caught = error.what();
  }
  EXPECT_EQ(caught, "the generator is running: one step at a time");
  co_await first;
  co_await gen.aclose();
}

ASYNC_TEST(AsyncGenerator, a_cancel_is_thrown_where_the_generator_waits_and_ends_it) {
  auto gen = count_to(2);
  auto task = create_task(take_one(gen));
  co_await settle();
  task.cancel();
  co_await settle();
  EXPECT_TRUE(task.cancelled());
  auto value = co_await gen.next();
  EXPECT_FALSE(value.has_value());
}

ASYNC_TEST(AsyncGenerator, is_movable_between_steps) {
  auto gen = count_to(3);
  auto first = co_await gen.next();
  auto moved = std::move(gen);
  auto second = co_await moved.next();
  EXPECT_EQ(*first + *second, 3);
}

AsyncGenerator<std::unique_ptr<int>> boxes() { co_yield std::make_unique<int>(7); }

ASYNC_TEST(AsyncGenerator, gives_values_that_only_move) {
  auto gen = boxes();
  auto box = co_await gen.next();
  require(box.has_value());
  EXPECT_EQ(**box, 7);
}

AsyncGenerator<int> many(int count) {
  for (int i = 0; i < count; ++i) co_yield i;
}

ASYNC_TEST(AsyncGenerator, a_million_steps_without_a_wait_need_no_stack) {
  auto gen = many(1'000'000);
  long sum = 0;
  while (auto value = co_await gen.next()) sum += *value;
  EXPECT_EQ(sum, 499'999'500'000);
}

// BH-AG-01
TEST(AsyncGenerator, those_that_are_left_at_the_end_of_run_go_with_their_tasks_and_can_clean_up) {
  const auto slow = [](std::string& log) -> AsyncGenerator<int> {
    bool cancelled = false;
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
      cancelled = true;
    }
    if (!cancelled) co_yield 1;
    co_await sleep(1ms);  // cleaning up may wait
    log += "cleaned ";
    throw CancelledError();
  };
  const auto in_a_step = [](AsyncGenerator<int> gen) -> Coro<> { co_await gen.next(); };
  const auto between_steps = [](AsyncGenerator<std::string> gen) -> Coro<> {
    auto word = co_await gen.next();
    co_await sleep(1h);
  };
  std::string first;
  std::string second;
  std::string held;
  VirtualClock clock;
  run({.clock = &clock}, [&]() -> Coro<> {
    create_task(in_a_step(slow(first)));
    create_task(in_a_step(slow(second)));
    create_task(between_steps(talkative(held)));
    co_await settle();
  });
  EXPECT_EQ(first, "cleaned ");
  EXPECT_EQ(second, "cleaned ");
  EXPECT_EQ(held, "yield left");
}

// BH-AG-01
TEST(AsyncGenerator, one_that_a_pending_task_waits_in_goes_with_the_loop) {
  std::string log;
  {
    EventLoop loop;
    loop.set_exception_handler([&](EventLoop&, const ExceptionContext& context) { log += context.message; });
    loop.create_task([](std::string& l) -> Coro<> {
      auto gen = waits_an_hour(l);
      co_await gen.next();
    }(log));
    loop.call_soon([&] { loop.stop(); });
    loop.run_forever();
  }
  EXPECT_EQ(log, "Task was destroyed but it is pending!left ");
}

// The loop destroys its tasks the newest first.
TEST(AsyncGenerator, one_that_a_task_waits_in_may_be_owned_by_a_newer_one_when_the_loop_is_closed) {
  std::string log;
  {
    EventLoop loop;
    loop.set_exception_handler([](EventLoop&, const ExceptionContext&) {});
    std::optional<AsyncGenerator<int>>* shared = nullptr;
    loop.create_task([](auto*& generator, std::string& to) -> Coro<> {
      while (generator == nullptr) co_await sleep(0s);
      co_await (*generator)->next();
      to += "gone on ";
    }(shared, log));
    loop.create_task([](auto*& generator, std::string& to) -> Coro<> {
      std::optional<AsyncGenerator<int>> owned = waits_an_hour(to);
      generator = &owned;
      co_await sleep(1h);
    }(shared, log));
    loop.run_until_complete([]() -> Coro<> { co_await settle(); }());
    EXPECT_EQ(log, "");
  }
  EXPECT_EQ(log, "left ");
}

}  // namespace
