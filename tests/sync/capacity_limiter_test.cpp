// SPDX-License-Identifier: MIT
#include <asyncio/capacity_limiter.h>

#include <asyncio/with.h>

#include "tests/sync/support.h"

#include <random>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

Coro<> visit(CapacityLimiter& limiter, char name, std::string& log, std::chrono::seconds time = 1s) {
  auto token = co_await limiter.scoped();
  log += name;
  co_await sleep(time);
}

TEST(CapacityLimiter, refuses_less_than_no_tokens) {
  EXPECT_THROW(CapacityLimiter(-1), ValueError);
  CapacityLimiter limiter(0);
  EXPECT_THROW(limiter.set_total_tokens(-1), ValueError);
  EXPECT_EQ(limiter.total_tokens(), 0);
}

ASYNC_TEST(CapacityLimiter, lends_one_token_to_a_task) {
  CapacityLimiter limiter(2);
  EXPECT_EQ(limiter.available_tokens(), 2);
  co_await limiter.acquire();
  EXPECT_EQ(limiter.borrowed_tokens(), 1);
  EXPECT_TRUE(co_await throws<RuntimeError>(limiter.acquire()));
  EXPECT_THROW(limiter.try_acquire(), RuntimeError);
  EXPECT_EQ(limiter.borrowed_tokens(), 1);
  limiter.release();
  EXPECT_EQ(limiter.available_tokens(), 2);
  EXPECT_TRUE(limiter.try_acquire());
  limiter.release();
}

ASYNC_TEST(CapacityLimiter, refuses_a_release_by_a_task_that_has_no_token) {
  CapacityLimiter limiter(1);
  EXPECT_THROW(limiter.release(), RuntimeError);
  co_await limiter.acquire();
  auto other = create_task(
      [](CapacityLimiter& mine) -> Coro<> {
        mine.release();
        co_return;
      },
      std::ref(limiter));
  EXPECT_TRUE(co_await throws<RuntimeError>(other));
  EXPECT_EQ(limiter.borrowed_tokens(), 1);
  limiter.release();
  EXPECT_THROW(limiter.release(), RuntimeError);
  EXPECT_EQ(limiter.borrowed_tokens(), 0);
}

TEST(CapacityLimiter, is_for_tasks_only) {
  CapacityLimiter limiter(1);
  EXPECT_THROW(limiter.try_acquire(), RuntimeError);
  EXPECT_THROW(limiter.release(), RuntimeError);
}

ASYNC_TEST(CapacityLimiter, serves_waiters_in_arrival_order) {
  CapacityLimiter limiter(2);
  std::string log;
  std::vector<Task<>> tasks;
  for (char name = 'a'; name <= 'e'; ++name) tasks.push_back(create_task(visit(limiter, name, log)));
  co_await settle();
  EXPECT_EQ(log, "ab");
  EXPECT_EQ(limiter.tasks_waiting(), 3);
  EXPECT_EQ(reason(tasks[2]), "CapacityLimiter.acquire");
  tasks[2].cancel();
  co_await settle();
  EXPECT_EQ(limiter.tasks_waiting(), 2);
  co_await tasks[4];
  EXPECT_EQ(log, "abde");
  EXPECT_EQ(limiter.borrowed_tokens(), 0);
  EXPECT_EQ(limiter.tasks_waiting(), 0);
}

ASYNC_TEST(CapacityLimiter, can_be_adjusted_while_it_is_used) {
  CapacityLimiter limiter(1);
  std::string log;
  std::vector<Task<>> tasks;
  for (char name = 'a'; name <= 'e'; ++name) tasks.push_back(create_task(visit(limiter, name, log)));
  co_await settle();
  EXPECT_EQ(log, "a");
  limiter.set_total_tokens(3);
  EXPECT_EQ(limiter.borrowed_tokens(), 3);
  EXPECT_EQ(limiter.tasks_waiting(), 2);
  co_await settle();
  EXPECT_EQ(log, "abc");

  limiter.set_total_tokens(1);  // takes nothing away
  EXPECT_EQ(limiter.borrowed_tokens(), 3);
  EXPECT_EQ(limiter.available_tokens(), 0);
  co_await sleep(1s);
  co_await settle();
  EXPECT_EQ(log, "abcd");  // three gave back, one was lent again
  EXPECT_EQ(limiter.borrowed_tokens(), 1);
  co_await tasks[4];
  EXPECT_EQ(limiter.available_tokens(), 1);
}

ASYNC_TEST(CapacityLimiter, gives_a_token_back_in_whichever_task_the_guard_ends) {
  CapacityLimiter limiter(1);
  std::optional<CapacityLimiter::Held> kept;
  co_await create_task([](CapacityLimiter& mine,
                          std::optional<CapacityLimiter::Held>& out) -> Coro<> { out.emplace(co_await mine.scoped()); },
                       std::ref(limiter), std::ref(kept));
  EXPECT_EQ(limiter.borrowed_tokens(), 1);
  kept.reset();
  EXPECT_EQ(limiter.borrowed_tokens(), 0);

  auto first = co_await limiter.scoped();
  auto second = std::move(first);
  second.release();
  second.release();
  EXPECT_EQ(limiter.borrowed_tokens(), 0);
}

ASYNC_TEST(CapacityLimiter, lends_a_token_to_a_block_of_with) {
  CapacityLimiter limiter(1);
  co_await with(limiter, [&]() -> Coro<> {
    EXPECT_EQ(limiter.borrowed_tokens(), 1);
    co_return;
  });
  EXPECT_EQ(limiter.borrowed_tokens(), 0);
}

TEST(CapacityLimiter, belongs_to_a_loop_while_somebody_waits) {
  CapacityLimiter limiter(0);
  EXPECT_TRUE(refuses_a_second_loop([&] { return limiter.acquire(); },
                                    [&] {
                                      EXPECT_EQ(limiter.tasks_waiting(), 1);
                                      limiter.set_total_tokens(1);
                                    }));
  EXPECT_EQ(limiter.borrowed_tokens(), 1);
}

ASYNC_TEST(CapacityLimiter, conserves_its_tokens_however_its_users_are_cancelled) {
  std::mt19937 random(5);
  CapacityLimiter limiter(3);
  std::string log;
  std::vector<Task<>> tasks;
  for (int step = 0; step < 2000; ++step) {
    const unsigned action = random() % 5;
    if (action == 0) {
      tasks.push_back(create_task(visit(limiter, 'x', log, std::chrono::seconds(random() % 4))));
    } else if (action == 1 && !tasks.empty()) {
      tasks[random() % tasks.size()].cancel();
    } else if (action == 2 && random() % 10 == 0) {
      limiter.set_total_tokens(static_cast<int>(random() % 5));
    } else {
      co_await sleep(std::chrono::seconds(random() % 2));
    }
    EXPECT_EQ(limiter.available_tokens(), std::max(0, limiter.total_tokens() - limiter.borrowed_tokens()));
    EXPECT_TRUE(limiter.available_tokens() == 0 || limiter.tasks_waiting() == 0);
  }
  limiter.set_total_tokens(3);
  co_await sleep(100h);
  EXPECT_EQ(limiter.borrowed_tokens(), 0);
  EXPECT_EQ(limiter.tasks_waiting(), 0);
}

}  // namespace
