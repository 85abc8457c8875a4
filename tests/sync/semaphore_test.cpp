// SPDX-License-Identifier: MIT
#include <asyncio/semaphore.h>

#include <asyncio/with.h>

#include "tests/sync/support.h"

#include <random>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

// Takes a permit, signs `log`, and keeps it for `time`.
Coro<> visit(Semaphore& sem, char name, std::string& log, std::chrono::seconds time = 1s) {
  auto held = co_await sem.scoped();
  log += name;
  co_await sleep(time);
}

// Takes a permit for good.
Coro<> take(Semaphore& sem, char name, std::string& log) {
  co_await sem.acquire();
  log += name;
}

int count_free(Semaphore& sem) {
  int taken = 0;
  while (sem.try_acquire()) ++taken;
  return taken;
}

// BH-SEM-01
TEST(Semaphore, refuses_to_start_with_less_than_no_permits) {
  EXPECT_THROW(Semaphore(-1), ValueError);
  EXPECT_THROW(BoundedSemaphore(-1), ValueError);
  EXPECT_TRUE(Semaphore(0).locked());
  EXPECT_FALSE(Semaphore().locked());
}

// BH-SEM-01
ASYNC_TEST(Semaphore, gives_what_it_has_without_suspension) {
  Semaphore sem(2);
  EXPECT_FALSE(co_await suspends(sem.acquire()));
  EXPECT_FALSE(sem.locked());
  EXPECT_FALSE(co_await suspends(sem.acquire()));
  EXPECT_TRUE(sem.locked());

  std::string log;
  auto waiter = create_task(take(sem, 'w', log));
  co_await settle();
  EXPECT_EQ(reason(waiter), "Semaphore.acquire");
  sem.release();
  co_await waiter;
  EXPECT_EQ(log, "w");
}

// BH-SEM-01
ASYNC_TEST(Semaphore, serves_waiters_in_arrival_order) {
  Semaphore sem(1);
  std::string log;
  auto a = create_task(visit(sem, 'a', log));
  auto b = create_task(visit(sem, 'b', log));
  auto c = create_task(visit(sem, 'c', log));
  co_await c;
  EXPECT_EQ(log, "abc");
  EXPECT_EQ(count_free(sem), 1);
}

// BH-SEM-02, BH-SEM-03
ASYNC_TEST(Semaphore, hands_a_permit_over_without_showing_it_to_others) {
  Semaphore sem(0);
  std::string log;
  auto waiter = create_task(take(sem, 'w', log));
  co_await settle();

  sem.release();
  EXPECT_TRUE(sem.locked());
  EXPECT_FALSE(sem.try_acquire());
  auto newcomer = create_task(take(sem, 'n', log));
  co_await settle();
  EXPECT_EQ(log, "w");
  EXPECT_FALSE(newcomer.done());
  sem.release();
  co_await newcomer;
  EXPECT_EQ(log, "wn");
}

// BH-SEM-04
ASYNC_TEST(Semaphore, wakes_nobody_where_a_waiter_is_cancelled) {
  Semaphore sem(0);
  std::string log;
  auto a = create_task(take(sem, 'a', log));
  auto b = create_task(take(sem, 'b', log));
  auto c = create_task(take(sem, 'c', log));
  co_await settle();
  b.cancel();
  co_await settle();
  EXPECT_TRUE(b.cancelled());
  EXPECT_EQ(log, "");

  sem.release();
  sem.release();
  co_await settle();
  EXPECT_EQ(log, "ac");
  EXPECT_TRUE(sem.locked());
}

// BH-SEM-05
ASYNC_TEST(Semaphore, loses_no_permit_to_a_cancel_after_the_hand_over) {
  Semaphore sem(0);
  std::string log;
  auto guarded = create_task(visit(sem, 'g', log));
  auto next = create_task(take(sem, 'n', log));
  co_await settle();

  sem.release();
  guarded.cancel();  // it has the permit, and gives it back when the cancel lands in its sleep()
  co_await settle();
  EXPECT_TRUE(guarded.cancelled());
  EXPECT_EQ(log, "gn");
  EXPECT_TRUE(sem.locked());

  auto keeps = create_task(take(sem, 'k', log));
  co_await settle();
  sem.release();
  keeps.cancel();  // it ends before the cancel can land
  co_await settle();
  EXPECT_FALSE(keeps.cancelled());
  EXPECT_EQ(log, "gnk");
  EXPECT_EQ(count_free(sem), 0);
}

// BH-SEM-06
ASYNC_TEST(Semaphore, wakes_a_waiter_for_each_release_in_a_row) {
  Semaphore sem(0);
  std::string log;
  auto a = create_task(take(sem, 'a', log));
  auto b = create_task(visit(sem, 'b', log));
  auto c = create_task(take(sem, 'c', log));
  auto d = create_task(take(sem, 'd', log));
  co_await settle();

  for (int i = 0; i < 3; ++i) sem.release();
  co_await sleep(0s);
  EXPECT_EQ(log, "abc");
  b.cancel();
  co_await settle();
  EXPECT_EQ(log, "abcd");
  EXPECT_EQ(count_free(sem), 0);
}

// BH-SEM-07
ASYNC_TEST(Semaphore, counts_right_where_all_who_were_granted_are_cancelled) {
  Semaphore sem(1);
  std::string log;
  co_await sem.acquire();
  std::vector<Task<>> tasks;
  for (char name = 'a'; name <= 'e'; ++name) tasks.push_back(create_task(visit(sem, name, log)));
  co_await settle();

  for (int i = 0; i < 3; ++i) sem.release();
  for (const Task<>& task : tasks) task.cancel();
  co_await settle();
  EXPECT_EQ(log, "abc");  // had been granted, and gave back
  for (const Task<>& task : tasks) EXPECT_TRUE(task.cancelled());
  EXPECT_EQ(count_free(sem), 1 - 1 + 3);
}

// BH-SEM-08
ASYNC_TEST(Semaphore, may_grow_and_a_bounded_one_may_not) {
  Semaphore plain(1);
  plain.release();
  EXPECT_EQ(count_free(plain), 2);

  BoundedSemaphore bounded(2);
  EXPECT_THROW(bounded.release(), ValueError);
  co_await bounded.acquire();
  bounded.release();
  EXPECT_THROW(bounded.release(), ValueError);
  EXPECT_EQ(count_free(bounded), 2);
}

ASYNC_TEST(Semaphore, that_is_bounded_does_not_grow_by_a_guard_whose_permit_was_given_back) {
  BoundedSemaphore bounded(1);
  {
    auto held = co_await bounded.scoped();
    bounded.release();
  }
  EXPECT_EQ(count_free(bounded), 1);
}

// BH-SEM-09
ASYNC_TEST(Semaphore, cannot_be_kept_from_others_by_a_task_that_acquires_in_a_loop) {
  Semaphore sem(1);
  std::string log;
  auto greedy = create_task(
      [](Semaphore& mine, std::string& signs) -> Coro<> {
        for (int i = 0; i < 3; ++i) {
          co_await mine.acquire();
          signs += 'g';
          co_await sleep(1s);
          mine.release();
        }
      },
      std::ref(sem), std::ref(log));
  auto a = create_task(visit(sem, 'a', log));
  auto b = create_task(visit(sem, 'b', log));
  co_await greedy;
  EXPECT_EQ(log, "gabgg");
}

ASYNC_TEST(Semaphore, gets_the_permit_of_a_guard_back) {
  Semaphore sem(2);
  {
    auto first = co_await sem.scoped();
    auto second = co_await sem.scoped();
    EXPECT_TRUE(sem.locked());
    first.release();
    EXPECT_FALSE(sem.locked());
  }
  EXPECT_EQ(count_free(sem), 2);
}

ASYNC_TEST(Semaphore, lends_a_permit_to_a_block_of_with) {
  Semaphore sem(1);
  co_await with(sem, [&]() -> Coro<> {
    EXPECT_TRUE(sem.locked());
    co_return;
  });
  EXPECT_EQ(count_free(sem), 1);
}

TEST(Semaphore, belongs_to_a_loop_while_somebody_waits) {
  Semaphore sem(0);
  EXPECT_TRUE(refuses_a_second_loop([&] { return sem.acquire(); }, [&] { sem.release(); }));
  EXPECT_TRUE(sem.locked());
}

struct Usage {
  int inside = 0;
  int most_inside = 0;
};

Coro<> use(Semaphore& sem, unsigned seed, Usage& usage) {
  std::minstd_rand random(seed);
  for (int i = 0; i < 20; ++i) {
    auto held = co_await sem.scoped();
    usage.most_inside = std::max(usage.most_inside, ++usage.inside);
    const struct Leave {
      int& count;
      ~Leave() { --count; }
    } leave{usage.inside};
    if (random() % 3 != 0) co_await sleep(std::chrono::milliseconds(random() % 4));
  }
}

// BH-SEM-05, BH-SEM-06
ASYNC_TEST(Semaphore, conserves_its_permits_however_its_users_are_cancelled) {
  std::mt19937 random(7);
  for (int round = 0; round < 40; ++round) {
    const int permits = static_cast<int>(round % 4) + 1;
    BoundedSemaphore sem(permits);
    Usage usage;
    std::vector<Task<>> tasks;
    for (int i = 0; i < 8; ++i) tasks.push_back(create_task(use(sem, random() % 10000 + 1, usage)));
    for (int step = 0; step < 80; ++step) {
      if (random() % 3 == 0) tasks[random() % tasks.size()].cancel();
      if (random() % 6 == 0) tasks.push_back(create_task(use(sem, random() % 10000 + 1, usage)));
      co_await sleep(std::chrono::milliseconds(random() % 3));
    }
    co_await sleep(1h);
    for (const Task<>& task : tasks) EXPECT_TRUE(task.done());
    EXPECT_EQ(usage.inside, 0);
    EXPECT_LE(usage.most_inside, permits);
    EXPECT_EQ(count_free(sem), permits);
  }
}

}  // namespace
