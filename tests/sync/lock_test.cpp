// SPDX-License-Identifier: MIT
#include <asyncio/lock.h>

#include <asyncio/with.h>

#include "tests/sync/support.h"

#include <random>
#include <stdexcept>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

// Takes the lock, signs `log`, and lets go after `time`.
Coro<> visit(Lock& lock, char name, std::string& log, std::chrono::seconds time = 1s) {
  auto held = co_await lock.scoped();
  log += name;
  co_await sleep(time);
}

Coro<> take(Lock& lock) { co_await lock.acquire(); }

// BH-LOCK-01
ASYNC_TEST(Lock, is_taken_without_suspension_where_it_is_free) {
  Lock lock;
  EXPECT_FALSE(lock.locked());
  EXPECT_FALSE(co_await suspends(lock.acquire()));
  EXPECT_TRUE(lock.locked());
  lock.release();
  EXPECT_FALSE(lock.locked());
}

// BH-LOCK-01
ASYNC_TEST(Lock, goes_to_waiters_in_arrival_order) {
  Lock lock;
  std::string log;
  auto a = create_task(visit(lock, 'a', log));
  auto b = create_task(visit(lock, 'b', log));
  auto c = create_task(visit(lock, 'c', log));
  co_await settle();
  EXPECT_EQ(log, "a");
  EXPECT_EQ(reason(b), "Lock.acquire");
  co_await c;
  EXPECT_EQ(log, "abc");
  EXPECT_FALSE(lock.locked());
}

// BH-LOCK-02
ASYNC_TEST(Lock, that_is_released_to_a_waiter_cannot_be_taken_by_a_newcomer) {
  Lock lock;
  std::string log;
  co_await lock.acquire();
  auto waiter = create_task(visit(lock, 'w', log));
  co_await settle();

  lock.release();
  EXPECT_TRUE(lock.locked());  // the waiter has it, though it has not run
  EXPECT_FALSE(lock.try_acquire());
  co_await visit(lock, 'n', log);
  EXPECT_EQ(log, "wn");
}

// BH-LOCK-03
ASYNC_TEST(Lock, refuses_a_release_where_it_is_free) {
  Lock lock;
  EXPECT_THROW(lock.release(), RuntimeError);
  EXPECT_TRUE(lock.try_acquire());
  lock.release();
  EXPECT_THROW(lock.release(), RuntimeError);
  EXPECT_FALSE(lock.locked());
  co_return;
}

// BH-LOCK-03
ASYNC_TEST(Lock, may_be_released_by_a_task_that_did_not_take_it) {
  Lock lock;
  co_await create_task(take(lock));
  EXPECT_TRUE(lock.locked());
  lock.release();
  EXPECT_FALSE(lock.locked());
}

// BH-LOCK-03
ASYNC_TEST(Lock, is_not_reentrant) {
  Lock lock;
  auto twice = create_task(
      [](Lock& mine) -> Coro<> {
        co_await mine.acquire();
        co_await mine.acquire();
      },
      std::ref(lock));
  co_await settle();
  EXPECT_EQ(reason(twice), "Lock.acquire");
  lock.release();
  co_await twice;
  EXPECT_TRUE(lock.locked());
}

// BH-LOCK-04
ASYNC_TEST(Lock, wakes_one_waiter_for_each_release) {
  Lock lock;
  co_await lock.acquire();
  auto a = create_task(take(lock));
  auto b = create_task(take(lock));
  co_await settle();

  lock.release();
  co_await settle();
  EXPECT_TRUE(a.done());
  EXPECT_FALSE(b.done());

  lock.release();
  co_await settle();
  EXPECT_TRUE(b.done());
  EXPECT_TRUE(lock.locked());
}

// BH-LOCK-05
ASYNC_TEST(Lock, keeps_the_order_of_the_others_where_one_is_cancelled) {
  Lock lock;
  std::string log;
  co_await lock.acquire();
  auto a = create_task(visit(lock, 'a', log));
  auto b = create_task(visit(lock, 'b', log));
  auto c = create_task(visit(lock, 'c', log));
  co_await settle();

  b.cancel();
  co_await settle();
  EXPECT_TRUE(b.cancelled());
  lock.release();
  co_await c;
  EXPECT_EQ(log, "ac");
  EXPECT_FALSE(lock.locked());
}

// BH-LOCK-06
ASYNC_TEST(Lock, stays_with_a_waiter_that_is_cancelled_after_the_hand_over) {
  Lock lock;
  std::string log;
  co_await lock.acquire();
  auto a = create_task(visit(lock, 'a', log));
  auto b = create_task(visit(lock, 'b', log));
  co_await settle();

  lock.release();
  a.cancel();  // it has the lock: the cancel lands in its sleep(), and the guard lets b go on
  co_await settle();
  EXPECT_EQ(log, "ab");
  EXPECT_TRUE(a.cancelled());
  co_await b;
  EXPECT_FALSE(lock.locked());
}

// BH-LOCK-06
ASYNC_TEST(Lock, is_kept_by_a_cancelled_waiter_that_does_not_wait_again) {
  Lock lock;
  co_await lock.acquire();
  auto waiter = create_task(take(lock));
  co_await settle();

  lock.release();
  waiter.cancel();
  co_await settle();
  EXPECT_TRUE(waiter.done());
  EXPECT_FALSE(waiter.cancelled());
  EXPECT_TRUE(lock.locked());
}

// BH-LOCK-07
ASYNC_TEST(Lock, wakes_nobody_where_a_waiter_is_cancelled) {
  Lock lock;
  co_await lock.acquire();
  auto a = create_task(take(lock));
  auto b = create_task(take(lock));
  co_await settle();

  a.cancel();
  co_await settle();
  EXPECT_TRUE(a.cancelled());
  EXPECT_EQ(reason(b), "Lock.acquire");
  EXPECT_TRUE(lock.locked());
  lock.release();
  co_await b;
}

// BH-LOCK-08
TEST(Lock, belongs_to_a_loop_while_somebody_waits) {
  Lock lock;
  lock.try_acquire();
  EXPECT_TRUE(refuses_a_second_loop([&] { return lock.acquire(); }, [&] { lock.release(); }));
  EXPECT_TRUE(lock.locked());
  lock.release();
  run(take(lock));  // and then to any other
  EXPECT_TRUE(lock.locked());
}

ASYNC_TEST(Lock, is_released_by_the_guard_whatever_ends_the_block) {
  Lock lock;
  auto fails = create_task(
      [](Lock& mine) -> Coro<> {
        auto held = co_await mine.scoped();
        throw std::runtime_error("in the block");
      },
      std::ref(lock));
  EXPECT_TRUE(co_await throws<std::runtime_error>(fails));
  EXPECT_FALSE(lock.locked());

  std::string log;
  auto cancelled = create_task(visit(lock, 'c', log));
  co_await settle();
  EXPECT_TRUE(lock.locked());
  cancelled.cancel();
  co_await settle();
  EXPECT_FALSE(lock.locked());
}

ASYNC_TEST(Lock, is_released_once_by_a_guard_that_is_moved_or_released_early) {
  Lock lock;
  {
    auto held = co_await lock.scoped();
    Lock::Held moved = std::move(held);
    EXPECT_TRUE(lock.locked());
    moved.release();
    EXPECT_FALSE(lock.locked());
    co_await lock.acquire();
  }
  EXPECT_TRUE(lock.locked());  // the guards had nothing left to release

  lock.release();
  Lock other;
  auto held = co_await lock.scoped();
  held = co_await other.scoped();
  EXPECT_FALSE(lock.locked());
  EXPECT_TRUE(other.locked());
}

ASYNC_TEST(Lock, is_held_inside_of_a_block_of_with) {
  Lock lock;
  const int value = co_await with(lock, [&]() -> Coro<int> {
    EXPECT_TRUE(lock.locked());
    co_await sleep(1s);
    co_return 42;
  });
  EXPECT_EQ(value, 42);
  EXPECT_FALSE(lock.locked());

  auto fails = with(lock, []() -> Coro<> {
    co_await sleep(1s);
    throw std::runtime_error("in the block");
  });
  EXPECT_TRUE(co_await throws<std::runtime_error>(std::move(fails)));
  EXPECT_FALSE(lock.locked());
}

ASYNC_TEST(Lock, can_be_acquired_by_a_task_of_its_own) {
  Lock lock;
  co_await create_task(lock.acquire());
  EXPECT_TRUE(lock.locked());
}

ASYNC_TEST(Lock, may_go_before_the_tasks_that_wait_for_it) {
  auto lock = std::make_unique<Lock>();
  co_await lock->acquire();
  auto waiter = create_task(take(*lock));
  co_await settle();
  lock.reset();
  co_await settle();
  EXPECT_FALSE(waiter.done());
  waiter.cancel();
  co_await settle();
  EXPECT_TRUE(waiter.cancelled());
}

TEST(Lock, is_left_in_peace_by_a_loop_that_closes_with_its_waiters) {
  Lock lock;
  lock.try_acquire();
  {
    EventLoop loop;
    int reports = 0;
    loop.set_exception_handler([&](EventLoop&, const ExceptionContext&) { ++reports; });
    auto waiter = loop.create_task(take(lock));
    loop.run_until_complete(settle());
    loop.close();
    EXPECT_EQ(reports, 1);  // destroyed while pending
    EXPECT_TRUE(waiter.cancelled());
  }
  EXPECT_TRUE(lock.locked());
  lock.release();
  EXPECT_FALSE(lock.locked());
}

// Takes the lock again and again; any of it may be cancelled.
Coro<> use(Lock& lock, unsigned seed, int& inside) {
  std::minstd_rand random(seed);
  for (int i = 0; i < 20; ++i) {
    auto held = co_await lock.scoped();
    EXPECT_EQ(++inside, 1);
    const struct Leave {
      int& count;
      ~Leave() { --count; }
    } leave{inside};
    if (random() % 3 != 0) co_await sleep(std::chrono::milliseconds(random() % 4));
  }
}

// BH-LOCK-05, BH-LOCK-06
ASYNC_TEST(Lock, has_one_holder_and_loses_nothing_however_its_users_are_cancelled) {
  std::mt19937 random(20240611);
  for (int round = 0; round < 40; ++round) {
    Lock lock;
    int inside = 0;
    std::vector<Task<>> tasks;
    for (unsigned i = 0; i < 8; ++i) tasks.push_back(create_task(use(lock, random() % 10000 + 1, inside)));
    for (int step = 0; step < 60; ++step) {
      if (random() % 4 == 0) tasks[random() % tasks.size()].cancel();
      if (random() % 8 == 0) tasks.push_back(create_task(use(lock, random() % 10000 + 1, inside)));
      co_await sleep(std::chrono::milliseconds(random() % 3));
    }
    co_await sleep(1h);
    for (const Task<>& task : tasks) EXPECT_TRUE(task.done());
    EXPECT_EQ(inside, 0);
    EXPECT_FALSE(lock.locked());
  }
}

}  // namespace
