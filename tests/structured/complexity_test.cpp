// SPDX-License-Identifier: MIT
// What a thing costs when there are many: steps are counted where a test can count them. Where it cannot, there are so
// many that a step for each pair would take minutes.
#include <asyncio/event.h>
#include <asyncio/gather.h>
#include <asyncio/run.h>
#include <asyncio/task_group.h>
#include <asyncio/testing.h>
#include <asyncio/wait.h>
#include <asyncio/with.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <stdexcept>
#include <vector>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

constexpr int many = 1000;
constexpr int very_many = 200'000;

// Awaits a task, as a Task does, and counts how often a cancel is passed on.
class CountedJoin : public lowlevel::LinkedWaiter {
 public:
  explicit CountedJoin(AnyTask task) : LinkedWaiter(kind), awaited_(std::move(task)) {}

  bool await_ready() const { return awaited_.done(); }
  template <class P>
  void await_suspend(std::coroutine_handle<P> self) {
    awaited_.state().joiners().push_back(*this);
    park(self);
  }
  void await_resume() { check(); }

  static inline int passed_on = 0;

 private:
  static bool interrupt(lowlevel::Waiter& waiter) noexcept {
    CountedJoin& join = static_cast<CountedJoin&>(waiter);
    ++passed_on;
    join.task()->take_cancel_request();
    join.awaited_.state().cancel({});
    return false;
  }
  static void remove(lowlevel::Waiter& waiter) noexcept {
    CountedJoin& join = static_cast<CountedJoin&>(waiter);
    join.awaited_.state().joiners().remove(join);
  }
  static detail::FutureBase* awaited(const lowlevel::Waiter& waiter) noexcept {
    return &static_cast<const CountedJoin&>(waiter).awaited_.state();
  }
  static constexpr lowlevel::WaitKind kind{
      .reason = "counted", .remove = &remove, .interrupt = &interrupt, .awaited = &awaited};

  AnyTask awaited_;
};

Coro<> wait_for_ever() { co_await sleep(1h); }
Coro<> join(AnyTask task) { co_await CountedJoin(std::move(task)); }
Coro<> join_new(int length) {
  const AnyTask next = length > 1 ? AnyTask(create_task(join_new(length - 1))) : AnyTask(create_task(wait_for_ever()));
  co_await CountedJoin(next);
}
// Of tasks that wait, each for the one before it; the last first.
std::vector<Task<>> make_chain(int length) {
  std::vector<Task<>> tasks{create_task(wait_for_ever())};
  while (static_cast<int>(tasks.size()) < length) tasks.push_back(create_task(join(tasks.back())));
  std::reverse(tasks.begin(), tasks.end());
  return tasks;
}

TEST(Complexity, the_end_of_run_cancels_each_of_a_chain_once) {
  for (const bool newest_waits : {false, true}) {
    CountedJoin::passed_on = 0;
    VirtualClock clock;
    run(
        [](bool waits) -> Coro<> {
          if (waits) {
            make_chain(many);
          } else {
            create_task(join_new(many));
          }
          co_await settle();
        }(newest_waits),
        {.clock = &clock});
    EXPECT_GE(CountedJoin::passed_on, many - 1);
    EXPECT_LE(CountedJoin::passed_on, 2 * many);
  }
}

ASYNC_TEST(Complexity, a_cancel_goes_once_through_a_chain) {
  const std::vector<Task<>> chain = make_chain(many);
  co_await settle();
  CountedJoin::passed_on = 0;
  chain.front().cancel();
  EXPECT_EQ(CountedJoin::passed_on, many - 1);
  co_await settle();
  EXPECT_TRUE(chain.front().done());
}

ASYNC_TEST(Complexity, a_group_that_aborts_cancels_each_of_a_chain_of_children_once) {
  CountedJoin::passed_on = 0;
  try {
    co_await with(TaskGroup(), [](TaskGroup& group) -> Coro<> {
      AnyTask last = group.create_task(wait_for_ever());
      for (int i = 0; i < many; ++i) last = group.create_task(join(last));
      co_await settle();
      throw std::runtime_error("aborts it");
    });
    ADD_FAILURE();
  } catch (const ExceptionGroup& group) {
    EXPECT_EQ(group.exceptions().size(), 1U);
  }
  EXPECT_LE(CountedJoin::passed_on, 2 * many);
}

ASYNC_TEST(Complexity, a_gather_of_a_chain_cancels_each_once) {
  auto all = create_task([]() -> Coro<> {
    std::vector<Task<>> chain = make_chain(many);
    co_await gather(std::move(chain));
  });
  co_await settle();
  CountedJoin::passed_on = 0;
  all.cancel();
  co_await settle();
  EXPECT_TRUE(all.cancelled());
  EXPECT_LE(CountedJoin::passed_on, 2 * many);
}

ASYNC_TEST(Complexity, tasks_that_are_reached_by_many_ways_are_told_once) {
  // Each layer of two awaits both of the next: there are 2^30 ways to the last one.
  std::vector<Task<>> layer{create_task(wait_for_ever()), create_task(wait_for_ever())};
  for (int i = 0; i < 30; ++i) {
    std::vector<Task<>> next;
    for (int k = 0; k < 2; ++k)
      next.push_back(
          create_task([](std::vector<Task<>> below) -> Coro<> { co_await gather(std::move(below)); }, layer));
    layer = std::move(next);
  }
  co_await settle();
  layer.front().cancel();
  layer.back().cancel();
  co_await settle();
  EXPECT_TRUE(layer.front().cancelled());
  EXPECT_TRUE(layer.back().cancelled());
}

ASYNC_TEST(Complexity, a_group_may_have_very_many_errors) {
  try {
    co_await with(TaskGroup(), [](TaskGroup& group) -> Coro<> {
      for (int i = 0; i < very_many; ++i) {
        group.create_task([](int number) -> Coro<> {
          try {
            co_await sleep(1h);
          } catch (const CancelledError&) {
          }
          throw number;
        }(i));
      }
      co_await settle();
      throw -1;
    });
    ADD_FAILURE();
  } catch (const ExceptionGroup& group) {
    EXPECT_EQ(group.exceptions().size(), very_many + 1U);
  }
}

ASYNC_TEST(Complexity, any_of_very_many_done_callbacks_can_be_removed) {
  Future<> future;
  std::vector<std::uint64_t> tokens;
  int called = 0;
  for (int i = 0; i < very_many; ++i) tokens.push_back(future.add_done_callback([&called](Future<>) { ++called; }));
  std::shuffle(tokens.begin(), tokens.end(), std::mt19937(1));
  for (int i = 0; i < very_many - 10; ++i)
    EXPECT_TRUE(future.remove_done_callback(tokens[static_cast<std::size_t>(i)]));
  EXPECT_FALSE(future.remove_done_callback(tokens.front()));
  future.set_result();
  co_await settle();
  EXPECT_EQ(called, 10);
}

ASYNC_TEST(Complexity, a_token_is_good_for_its_own_future_alone) {
  Future<> future;
  Future<> other;
  const auto token = future.add_done_callback([](Future<>) {});
  EXPECT_FALSE(other.remove_done_callback(token));
  EXPECT_TRUE(future.remove_done_callback(token));
  EXPECT_FALSE(future.remove_done_callback(token));
  co_return;
}

ASYNC_TEST(Complexity, a_circle_of_awaits_is_broken_wherever_the_cancel_comes_from) {
  // Tasks that wait for each other in a circle, and a long way into it.
  std::vector<Task<>> circle(3);
  Event made;
  for (std::size_t i = 0; i < 3; ++i) {
    circle[i] = create_task([](std::vector<Task<>>& all, std::size_t next, Event& all_made) -> Coro<> {
      co_await all_made.wait();
      co_await all[next];
    }(circle, (i + 1) % 3, made));
  }
  made.set();
  co_await settle();
  std::vector<Task<>> way{create_task(join(circle[0]))};
  for (int i = 0; i < 10; ++i) way.push_back(create_task(join(way.back())));
  co_await settle();
  way.back().cancel();
  co_await settle();
  for (const Task<>& task : way) EXPECT_TRUE(task.done());
  for (const Task<>& task : circle) EXPECT_TRUE(task.done());
}

}  // namespace
