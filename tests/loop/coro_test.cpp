// SPDX-License-Identifier: MIT
#include <asyncio/coro.h>

#include <asyncio/testing.h>

#include <stdexcept>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

Coro<int> add(int a, int b) { co_return a + b; }
Coro<> sign(std::string& log, char name) {
  log += name;
  co_return;
}
Coro<> hold(std::shared_ptr<int>) { co_return; }
Coro<int&> refer(int& target) { co_return target; }
Coro<std::unique_ptr<int>> make(int value) { co_return std::make_unique<int>(value); }
Coro<int> fail(std::string what) {
  throw std::out_of_range(what);
  co_return 0;
}

ASYNC_TEST(Coro, runs_when_it_is_awaited_and_not_before) {
  std::string log;
  auto coro = sign(log, 'a');
  log += '(';
  co_await std::move(coro);
  log += ')';
  EXPECT_EQ(log, "(a)");
}

ASYNC_TEST(Coro, gives_values_references_and_what_can_only_be_moved) {
  EXPECT_EQ(co_await add(1, 2), 3);
  int target = 5;
  int& reference = co_await refer(target);
  EXPECT_EQ(&reference, &target);
  const auto value = co_await make(7);
  EXPECT_EQ(*value, 7);
}

ASYNC_TEST(Coro, throws_what_its_body_throws) {
  std::string what;
  try {
    co_await fail("oops");
  } catch (const std::out_of_range& error) {
    what = error.what();
  }
  EXPECT_EQ(what, "oops");
}

ASYNC_TEST(Coro, a_second_await_is_an_error) {
  auto coro = add(1, 2);
  EXPECT_EQ(co_await std::move(coro), 3);
  std::string what;
  try {
    co_await std::move(coro);  // NOLINT(bugprone-use-after-move)
  } catch (const RuntimeError& error) {
    what = error.what();
  }
  EXPECT_TRUE(contains(what, "only once")) << what;
}

ASYNC_TEST(Coro, one_that_was_moved_from_cannot_be_awaited) {
  auto coro = add(1, 2);
  auto other = std::move(coro);
  EXPECT_THROW(coro.definition(), RuntimeError);  // NOLINT(bugprone-use-after-move)
  bool thrown = false;
  try {
    co_await std::move(coro);
  } catch (const RuntimeError&) {
    thrown = true;
  }
  EXPECT_TRUE(thrown);
  EXPECT_EQ(co_await std::move(other), 3);
}

ASYNC_TEST(Coro, one_that_is_dropped_is_reported_and_destroyed) {
  auto held = std::make_shared<int>(1);
  {
    auto dropped = hold(held);
  }
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_EQ(take_reports().size(), 1u);
  co_return;
}

ASYNC_TEST(Coro, close_destroys_it_without_a_report) {
  auto held = std::make_shared<int>(1);
  auto coro = hold(held);
  EXPECT_EQ(held.use_count(), 2);
  coro.close();
  EXPECT_EQ(held.use_count(), 1);
  coro.close();
  co_return;
}

ASYNC_TEST(Coro, an_assignment_drops_what_was_there) {
  auto held = std::make_shared<int>(1);
  auto coro = hold(held);
  coro = hold(nullptr);
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_EQ(take_reports().size(), 1u);
  co_await std::move(coro);
}

ASYNC_TEST(Coro, its_locals_and_arguments_live_until_it_has_ended) {
  auto held = std::make_shared<int>(1);
  const auto body = [](std::shared_ptr<int> argument) -> Coro<long> {
    const auto local = argument;
    co_await sleep(1s);
    co_return local.use_count();
  };
  EXPECT_EQ(co_await body(held), 3);
  EXPECT_EQ(held.use_count(), 1);
}

ASYNC_TEST(Coro, the_same_task_runs_what_it_awaits) {
  const auto look = []() -> Coro<AnyTask> { co_return current_task(); };
  EXPECT_EQ(co_await look(), current_task());
}

ASYNC_TEST(Coro, knows_the_function_that_it_runs) {
  auto coro = add(1, 2);
  EXPECT_TRUE(contains(coro.definition().function_name(), "add"));
  EXPECT_TRUE(contains(coro.definition().file_name(), "coro_test.cpp"));
  coro.close();
  co_return;
}

Coro<int> fibonacci(int n) {
  if (n < 2) co_return n;
  const int a = co_await fibonacci(n - 1);
  const int b = co_await fibonacci(n - 2);
  co_return a + b;
}

ASYNC_TEST(Coro, may_call_itself) { EXPECT_EQ(co_await fibonacci(15), 610); }

ASYNC_TEST(Coro, an_exception_unwinds_the_coroutines_that_await) {
  std::string log;
  struct Note {
    std::string& into;
    ~Note() { into += '~'; }
  };
  const auto inner = [&]() -> Coro<> {
    const Note note{log};
    co_await sleep(1s);
    throw std::runtime_error("oops");
  };
  const auto outer = [&]() -> Coro<> {
    const Note note{log};
    co_await inner();
  };
  try {
    co_await outer();
  } catch (const std::runtime_error&) {
    log += '!';
  }
  EXPECT_EQ(log, "~~!");
}

TEST(Coro, frames_of_a_suspended_task_go_with_the_loop_the_innermost_first) {
  std::string log;
  struct Note {
    Note(std::string& text, char letter) : into(text), name(letter) {}
    Note(const Note&) = delete;
    ~Note() { into += name; }
    std::string& into;
    char name;
  };
  const auto inner = [&]() -> Coro<> {
    const Note note(log, 'i');
    co_await sleep(1h);
  };
  const auto outer = [&]() -> Coro<> {
    const Note note(log, 'o');
    co_await inner();
  };
  VirtualClock clock;
  EventLoop loop({.clock = &clock});
  loop.set_exception_handler([](EventLoop&, const ExceptionContext&) {});
  loop.create_task(outer());
  loop.stop();
  loop.run_forever();
  EXPECT_EQ(log, "");
  loop.close();
  EXPECT_EQ(log, "io");
}

// A suspended coroutine that owns a loop with suspended coroutines of its own.
TEST(Coro, a_loop_may_be_destroyed_within_the_destruction_of_another) {
  int gone = 0;
  struct Count {
    explicit Count(int& counter) : count(counter) {}
    Count(const Count&) = delete;
    ~Count() { ++count; }
    int& count;
  };
  VirtualClock clock;
  const auto quiet = [](EventLoop&, const ExceptionContext&) {};
  const auto innermost = [&]() -> Coro<> {
    const Count count(gone);
    co_await sleep(1h);
  };
  const auto waiting = [&]() -> Coro<> {
    const Count count(gone);
    co_await innermost();
  };
  const std::size_t memory = detail::FramePool::bytes_in_use();
  {
    const auto owner = [&](std::unique_ptr<EventLoop> owned) -> Coro<> {
      const Count count(gone);
      const auto* const kept = owned.get();
      EXPECT_NE(kept, nullptr);
      co_await waiting();
    };
    auto inner = std::make_unique<EventLoop>(LoopOptions{.clock = &clock});
    inner->set_exception_handler(quiet);
    inner->create_task(waiting());
    inner->stop();
    inner->run_forever();
    EventLoop outer({.clock = &clock});
    outer.set_exception_handler(quiet);
    outer.create_task(owner(std::move(inner)));
    outer.stop();
    outer.run_forever();
    EXPECT_EQ(gone, 0);
  }
  EXPECT_EQ(gone, 5);
  EXPECT_EQ(detail::FramePool::bytes_in_use(), memory);
}

static_assert(Awaitable<Coro<int>> && detail::NativeAwaitable<Coro<int>> && !Awaitable<Coro<int>&> && !Awaitable<int>);
static_assert(std::is_same_v<AwaitResult<Coro<int>>, int> && std::is_same_v<AwaitResult<Coro<int&>>, int&>);
static_assert(std::is_nothrow_move_constructible_v<Coro<>> && !std::is_copy_constructible_v<Coro<>>);

}  // namespace
