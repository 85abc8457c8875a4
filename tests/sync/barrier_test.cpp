// SPDX-License-Identifier: MIT
#include <asyncio/barrier.h>

#include <asyncio/with.h>

#include "tests/sync/support.h"

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

Coro<int> pass(Barrier& barrier) { co_return co_await barrier.wait(); }

// How a task that waited at a barrier ended.
std::string outcome(const Task<int>& task) {
  if (!task.done()) return "waits";
  if (task.cancelled()) return "cancelled";
  try {
    return std::to_string(task.result());
  } catch (const BrokenBarrierError&) {
    return "broken";
  }
}

// BH-BAR-01
TEST(Barrier, needs_at_least_one_party) {
  EXPECT_THROW(Barrier(0), ValueError);
  EXPECT_THROW(Barrier(-1), ValueError);
  EXPECT_EQ(Barrier(3).parties(), 3);
}

// BH-BAR-01, BH-BAR-06
ASYNC_TEST(Barrier, lets_all_pass_when_the_last_arrives_and_numbers_them_by_arrival) {
  Barrier barrier(3);
  for (int round = 0; round < 3; ++round) {
    auto a = create_task(pass(barrier));
    auto b = create_task(pass(barrier));
    co_await settle();
    EXPECT_EQ(barrier.n_waiting(), 2);
    EXPECT_EQ(reason(a), "Barrier.wait");
    EXPECT_EQ(outcome(a) + outcome(b), "waitswaits");

    EXPECT_EQ(co_await barrier.wait(), 2);
    EXPECT_EQ(barrier.n_waiting(), 0);
    co_await settle();
    EXPECT_EQ(outcome(a) + outcome(b), "01");
    EXPECT_FALSE(barrier.broken());
  }
}

// BH-BAR-01
ASYNC_TEST(Barrier, for_one_does_not_suspend) {
  Barrier barrier(1);
  EXPECT_FALSE(co_await suspends(barrier.wait()));
  EXPECT_EQ(co_await barrier.wait(), 0);
  EXPECT_EQ(barrier.n_waiting(), 0);
}

// BH-BAR-02
ASYNC_TEST(Barrier, waits_for_a_replacement_of_a_task_that_is_cancelled) {
  Barrier barrier(3);
  auto a = create_task(pass(barrier));
  auto b = create_task(pass(barrier));
  co_await settle();
  a.cancel();
  co_await settle();
  EXPECT_EQ(outcome(a), "cancelled");
  EXPECT_EQ(barrier.n_waiting(), 1);
  EXPECT_FALSE(barrier.broken());

  auto c = create_task(pass(barrier));
  co_await settle();
  EXPECT_EQ(barrier.n_waiting(), 2);
  auto d = create_task(pass(barrier));
  co_await settle();
  EXPECT_EQ(outcome(b) + outcome(c) + outcome(d), "012");  // no number twice, none left out
}

// BH-BAR-02
ASYNC_TEST(Barrier, keeps_a_place_that_was_passed_before_the_cancel) {
  Barrier barrier(2);
  auto a = create_task(pass(barrier));
  co_await settle();
  EXPECT_EQ(co_await barrier.wait(), 1);
  a.cancel();  // the round is complete
  co_await settle();
  EXPECT_EQ(outcome(a), "0");
  EXPECT_EQ(barrier.n_waiting(), 0);
}

ASYNC_TEST(Barrier, counts_no_task_whose_cancel_was_pending) {
  Barrier barrier(2);
  auto waiter = create_task(
      [](Barrier& mine) -> Coro<int> {
        current_task().cancel();
        co_return co_await mine.wait();
      },
      std::ref(barrier));
  co_await settle();
  EXPECT_EQ(outcome(waiter), "cancelled");
  EXPECT_EQ(barrier.n_waiting(), 0);
}

// BH-BAR-03
ASYNC_TEST(Barrier, counts_newcomers_for_the_next_round_while_the_last_one_drains) {
  Barrier barrier(2);
  auto a = create_task(pass(barrier));
  co_await settle();
  EXPECT_EQ(co_await barrier.wait(), 1);
  EXPECT_EQ(outcome(a), "waits");  // it has not run since

  auto b = create_task(pass(barrier));
  auto c = create_task(pass(barrier));
  co_await sleep(0s);
  co_await settle();
  EXPECT_EQ(outcome(a) + outcome(b) + outcome(c), "001");
}

// BH-BAR-04
ASYNC_TEST(Barrier, that_is_reset_breaks_the_round_and_is_usable_again) {
  Barrier barrier(2);
  barrier.reset();
  EXPECT_FALSE(barrier.broken());

  auto a = create_task(pass(barrier));
  co_await settle();
  barrier.reset();
  EXPECT_EQ(barrier.n_waiting(), 0);
  EXPECT_FALSE(barrier.broken());
  co_await settle();
  EXPECT_EQ(outcome(a), "broken");

  auto b = create_task(pass(barrier));
  co_await settle();
  EXPECT_EQ(co_await barrier.wait(), 1);
  co_await settle();
  EXPECT_EQ(outcome(b), "0");
}

// BH-BAR-05, BH-BAR-04
ASYNC_TEST(Barrier, that_is_aborted_refuses_everybody_until_it_is_reset) {
  Barrier barrier(3);
  auto a = create_task(pass(barrier));
  auto b = create_task(pass(barrier));
  co_await settle();
  barrier.abort();
  EXPECT_TRUE(barrier.broken());
  EXPECT_EQ(barrier.n_waiting(), 0);
  co_await settle();
  EXPECT_EQ(outcome(a) + outcome(b), "brokenbroken");
  EXPECT_TRUE(co_await throws<BrokenBarrierError>(barrier.wait()));

  barrier.reset();
  EXPECT_FALSE(barrier.broken());
  auto c = create_task(pass(barrier));
  co_await settle();
  EXPECT_EQ(outcome(c), "waits");
  EXPECT_EQ(barrier.n_waiting(), 1);
  c.cancel();
  co_await settle();
}

// BH-BAR-06
ASYNC_TEST(Barrier, gives_the_index_to_a_block_of_with_and_does_nothing_at_its_end) {
  Barrier barrier(1);
  const int index = co_await with(barrier, [](int place) -> Coro<int> { co_return place; });
  EXPECT_EQ(index, 0);
  EXPECT_EQ(barrier.n_waiting(), 0);
  EXPECT_FALSE(barrier.broken());
}

Coro<> wait_until_broken(Barrier& barrier) {
  const bool broken = co_await throws<BrokenBarrierError>(barrier.wait());
  EXPECT_TRUE(broken);
}

TEST(Barrier, belongs_to_a_loop_while_somebody_waits) {
  Barrier barrier(3);
  EXPECT_TRUE(refuses_a_second_loop([&] { return wait_until_broken(barrier); },
                                    [&] {
                                      EXPECT_EQ(barrier.n_waiting(), 1);  // the refused one does not count
                                      barrier.abort();
                                    }));
  EXPECT_EQ(barrier.n_waiting(), 0);
}

ASYNC_TEST(Barrier, may_go_before_the_tasks_that_wait_at_it) {
  auto barrier = std::make_unique<Barrier>(2);
  auto waiter = create_task(pass(*barrier));
  co_await settle();
  barrier.reset();  // of the pointer
  waiter.cancel();
  co_await settle();
  EXPECT_EQ(outcome(waiter), "cancelled");
}

}  // namespace
