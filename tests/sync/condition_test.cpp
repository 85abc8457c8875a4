// SPDX-License-Identifier: MIT
#include <asyncio/condition.h>

#include <asyncio/cancel_scope.h>
#include <asyncio/timeout.h>
#include <asyncio/with.h>

#include "tests/sync/support.h"

#include <random>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

// Waits for one notification, and signs `log` with the lock held.
Coro<> wait_once(Condition& cond, char name, std::string& log) {
  auto held = co_await cond.scoped();
  co_await cond.wait();
  EXPECT_TRUE(cond.locked());
  log += name;
}

// The same, and says in `log` how the wait ended.
Coro<> wait_cancelled(Condition& cond, std::string& log) {
  auto held = co_await cond.scoped();
  try {
    co_await cond.wait();
    log += "notified";
  } catch (const CancelledError& error) {
    log += std::string("cancelled:") + error.message() + (cond.try_acquire() ? " without the lock" : "");
    throw;
  }
}

Coro<> notify(Condition& cond, int n = 1) {
  auto held = co_await cond.scoped();
  cond.notify(n);
}

// BH-COND-01
ASYNC_TEST(Condition, is_used_with_its_lock_held) {
  Condition cond;
  EXPECT_TRUE(co_await throws<RuntimeError>(cond.wait()));
  EXPECT_THROW(cond.notify(), RuntimeError);
  EXPECT_THROW(cond.notify_all(), RuntimeError);
  EXPECT_FALSE(cond.locked());
  EXPECT_TRUE(cond.try_acquire());
  cond.notify();
  cond.notify_all();
}

// BH-COND-01
ASYNC_TEST(Condition, releases_the_lock_while_it_waits_and_takes_it_again) {
  Condition cond;
  std::string log;
  auto waiter = create_task(wait_once(cond, 'w', log));
  co_await settle();
  EXPECT_FALSE(cond.locked());
  EXPECT_EQ(reason(waiter), "Condition.wait");

  co_await cond.acquire();
  cond.notify();
  co_await settle();
  EXPECT_EQ(log, "");
  EXPECT_EQ(reason(waiter), "Condition.wait: notified, waits for the lock");
  cond.release();
  co_await settle();
  EXPECT_EQ(log, "w");
  EXPECT_FALSE(cond.locked());
}

// BH-COND-02
ASYNC_TEST(Condition, notifies_those_who_have_waited_longest) {
  Condition cond;
  std::string log;
  std::vector<Task<>> tasks;
  for (char name = 'a'; name <= 'f'; ++name) tasks.push_back(create_task(wait_once(cond, name, log)));
  co_await settle();

  co_await notify(cond, 0);
  co_await settle();
  EXPECT_EQ(log, "");
  co_await notify(cond, 2);
  co_await settle();
  EXPECT_EQ(log, "ab");

  co_await cond.acquire();
  cond.notify();  // two calls, two tasks: one that is notified is not notified again
  cond.notify();
  cond.release();
  co_await settle();
  EXPECT_EQ(log, "abcd");

  co_await notify(cond, 100);
  co_await settle();
  EXPECT_EQ(log, "abcdef");
  co_await notify(cond);
  EXPECT_FALSE(cond.locked());
}

// BH-COND-02
ASYNC_TEST(Condition, lets_the_notified_go_on_one_by_one) {
  Condition cond;
  std::string log;
  auto stay = [](Condition& mine, char name, std::string& signs) -> Coro<> {
    auto held = co_await mine.scoped();
    co_await mine.wait();
    signs += name;
    co_await sleep(1s);  // with the lock
  };
  auto a = create_task(stay, std::ref(cond), 'a', std::ref(log));
  auto b = create_task(stay, std::ref(cond), 'b', std::ref(log));
  co_await settle();
  co_await cond.acquire();
  cond.notify_all();
  co_await sleep(1s);
  EXPECT_EQ(log, "");
  cond.release();
  co_await settle();
  EXPECT_EQ(log, "a");
  co_await b;
  EXPECT_EQ(log, "ab");
  EXPECT_TRUE(a.done());
}

// BH-COND-03
ASYNC_TEST(Condition, holds_the_lock_when_a_cancelled_wait_ends) {
  Condition cond;
  std::string log;
  auto waiter = create_task(wait_cancelled(cond, log));
  co_await settle();
  waiter.cancel("stop");
  co_await settle();
  EXPECT_EQ(log, "cancelled:stop");
  EXPECT_TRUE(waiter.cancelled());
  EXPECT_FALSE(cond.locked());
}

// BH-COND-03
ASYNC_TEST(Condition, waits_for_the_lock_before_it_throws_the_cancel) {
  Condition cond;
  std::string log;
  auto waiter = create_task(wait_cancelled(cond, log));
  co_await settle();
  co_await cond.acquire();
  waiter.cancel("stop");
  co_await settle();
  EXPECT_EQ(log, "");
  EXPECT_EQ(reason(waiter), "Condition.wait: cancelled, waits for the lock");

  cond.notify();  // is not for the one that is cancelled
  cond.release();
  co_await settle();
  EXPECT_EQ(log, "cancelled:stop");
  EXPECT_TRUE(waiter.cancelled());
  EXPECT_FALSE(cond.locked());
}

// BH-COND-04
ASYNC_TEST(Condition, throws_the_latest_of_several_cancels_once_it_has_the_lock) {
  Condition cond;
  std::string log;
  auto waiter = create_task(wait_cancelled(cond, log));
  co_await settle();
  co_await cond.acquire();
  waiter.cancel("first");
  waiter.cancel("second");
  co_await settle();
  waiter.cancel("third");
  co_await settle();
  EXPECT_EQ(log, "");
  EXPECT_EQ(waiter.cancelling(), 3);

  cond.release();
  co_await settle();
  EXPECT_EQ(log, "cancelled:second");  // two that come before the task runs are one, with the first one's message
  EXPECT_TRUE(waiter.cancelled());
  EXPECT_FALSE(cond.locked());
}

// BH-COND-04
ASYNC_TEST(Condition, keeps_the_lock_where_a_cancel_comes_with_it) {
  Condition cond;
  std::string log;
  auto waiter = create_task(wait_cancelled(cond, log));
  co_await settle();
  co_await cond.acquire();
  waiter.cancel("first");
  co_await settle();
  cond.release();  // the waiter has the lock, and has not run
  waiter.cancel("second");
  co_await settle();
  EXPECT_EQ(log, "cancelled:second");
  EXPECT_FALSE(cond.locked());
}

// BH-COND-04
ASYNC_TEST(Condition, ends_its_wait_normally_where_the_cancel_is_withdrawn) {
  Condition cond;
  std::string log;
  auto waiter = create_task(wait_cancelled(cond, log));
  co_await settle();
  co_await cond.acquire();
  waiter.cancel();
  co_await settle();
  EXPECT_EQ(waiter.uncancel(), 0);
  cond.release();
  co_await settle();
  EXPECT_EQ(log, "notified");
  EXPECT_FALSE(waiter.cancelled());
  EXPECT_FALSE(cond.locked());
}

ASYNC_TEST(Condition, throws_a_cancel_that_was_pending_when_the_wait_began) {
  Condition cond;
  std::string log;
  auto waiter = create_task(
      [](Condition& mine, std::string& text) -> Coro<> {
        current_task().cancel("pending");
        co_await wait_cancelled(mine, text);
      },
      std::ref(cond), std::ref(log));
  co_await settle();
  EXPECT_EQ(log, "cancelled:pending");
  EXPECT_TRUE(waiter.cancelled());
  EXPECT_FALSE(cond.locked());
}

// BH-COND-05
ASYNC_TEST(Condition, passes_the_notification_of_a_cancelled_task_on) {
  Condition cond;
  std::string log;
  auto a = create_task(wait_once(cond, 'a', log));
  auto b = create_task(wait_once(cond, 'b', log));
  auto c = create_task(wait_once(cond, 'c', log));
  co_await settle();
  co_await cond.acquire();
  cond.notify();
  a.cancel();
  cond.release();
  co_await settle();
  EXPECT_TRUE(a.cancelled());
  EXPECT_EQ(log, "b");
  EXPECT_EQ(reason(c), "Condition.wait");
  EXPECT_FALSE(cond.locked());
  co_await notify(cond);
  co_await c;
}

// BH-COND-05
ASYNC_TEST(Condition, passes_a_notification_on_once_the_lock_is_held_too) {
  Condition cond;
  std::string log;
  auto a = create_task(wait_once(cond, 'a', log));
  auto b = create_task(wait_once(cond, 'b', log));
  co_await settle();
  co_await cond.acquire();
  cond.notify();
  cond.release();
  a.cancel();  // it has the lock already
  co_await settle();
  EXPECT_TRUE(a.cancelled());
  EXPECT_EQ(log, "b");
}

// BH-COND-06
ASYNC_TEST(Condition, waits_for_a_predicate_and_gives_what_it_gave) {
  Condition cond;
  int value = 0;
  int calls = 0;
  auto waiter = create_task([&]() -> Coro<int> {
    auto held = co_await cond.scoped();
    int seen = co_await cond.wait_for([&] {
      ++calls;
      return value;
    });
    EXPECT_TRUE(cond.locked());
    co_return seen;
  });
  co_await settle();
  EXPECT_EQ(calls, 1);
  co_await notify(cond);
  co_await settle();
  EXPECT_EQ(calls, 2);
  EXPECT_FALSE(waiter.done());
  value = 7;
  co_await notify(cond);
  EXPECT_EQ(co_await waiter, 7);
  EXPECT_EQ(calls, 3);
}

bool at_least(const int& value, int least) { return value >= least; }

// BH-COND-06
ASYNC_TEST(Condition, does_not_suspend_where_the_predicate_holds) {
  Condition cond;
  co_await cond.acquire();
  EXPECT_FALSE(co_await suspends(cond.wait_for([] { return true; })));
  EXPECT_TRUE(co_await cond.wait_for(at_least, 5, 3));  // with the arguments of the predicate
  EXPECT_TRUE(cond.locked());
}

// BH-COND-07
ASYNC_TEST(Condition, may_share_its_lock_with_others) {
  Lock lock;
  Condition first(lock);
  Condition second(lock);
  std::string log;
  auto a = create_task(wait_once(first, 'a', log));
  auto b = create_task(wait_once(second, 'b', log));
  co_await settle();
  co_await first.acquire();
  EXPECT_TRUE(lock.locked());
  EXPECT_TRUE(second.locked());
  second.notify_all();
  first.release();
  co_await settle();
  EXPECT_EQ(log, "b");
  EXPECT_EQ(reason(a), "Condition.wait");

  co_await lock.acquire();
  first.notify();
  lock.release();
  co_await a;
  EXPECT_EQ(log, "ba");

  Condition own;
  EXPECT_FALSE(own.locked());
  EXPECT_THROW(own.release(), RuntimeError);
}

// BH-COND-08
ASYNC_TEST(Condition, holds_the_lock_when_a_timeout_ends_the_wait) {
  Condition cond;
  bool timed_out = false;
  auto waiter = create_task([&]() -> Coro<> {
    auto held = co_await cond.scoped();
    try {
      co_await with(timeout(1s), [&]() -> Coro<> { co_await cond.wait(); });
    } catch (const TimeoutError&) {
      timed_out = true;
      EXPECT_FALSE(cond.try_acquire());
    }
  });
  co_await settle();
  co_await cond.acquire();
  co_await sleep(2s);
  EXPECT_FALSE(timed_out);  // the lock is held by somebody else
  cond.release();
  co_await waiter;
  EXPECT_TRUE(timed_out);
  EXPECT_FALSE(cond.locked());
}

// BH-COND-08
ASYNC_TEST(Condition, holds_the_lock_when_a_cancel_scope_ends_the_wait) {
  Condition cond;
  bool timed_out = false;
  auto waiter = create_task([&]() -> Coro<> {
    auto held = co_await cond.scoped();
    const bool in_time = co_await with(move_on_after(1s), [&]() -> Coro<> { co_await cond.wait(); });
    timed_out = !in_time;
    EXPECT_FALSE(cond.try_acquire());
  });
  co_await settle();
  co_await cond.acquire();
  co_await sleep(2s);
  EXPECT_EQ(reason(waiter), "Condition.wait: cancelled by its scope, waits for the lock");
  cond.release();
  co_await waiter;
  EXPECT_TRUE(timed_out);
  EXPECT_FALSE(cond.locked());
}

ASYNC_TEST(Condition, is_held_inside_of_a_block_of_with) {
  Condition cond;
  co_await with(cond, [&]() -> Coro<> {
    EXPECT_TRUE(cond.locked());
    cond.notify();
    co_return;
  });
  EXPECT_FALSE(cond.locked());
}

TEST(Condition, belongs_to_a_loop_while_somebody_waits) {
  Condition cond;
  std::string log;
  EXPECT_TRUE(refuses_a_second_loop([&] { return wait_once(cond, 'w', log); },
                                    [&] {
                                      EXPECT_FALSE(cond.locked());  // the refused wait gave it back
                                      cond.try_acquire();
                                      cond.notify();
                                      cond.release();
                                    }));
  EXPECT_EQ(log, "w");
}

TEST(Condition, lets_a_loop_close_with_a_task_that_waits_inside_of_a_guard) {
  Condition cond;
  std::string log;
  EventLoop loop;
  int reports = 0;
  loop.set_exception_handler([&](EventLoop&, const ExceptionContext&) { ++reports; });
  auto a = loop.create_task(wait_once(cond, 'a', log));
  auto b = loop.create_task(wait_once(cond, 'b', log));
  loop.run_until_complete(settle());
  loop.close();
  EXPECT_EQ(reports, 2);
  EXPECT_TRUE(a.cancelled());
  EXPECT_TRUE(b.cancelled());
  EXPECT_FALSE(cond.locked());
}

struct Store {
  Condition changed;
  int items = 0;
  int taken = 0;
  int waiting = 0;
};

Coro<> take_one(Store& store) {
  auto held = co_await store.changed.scoped();
  const struct Count {
    int& count;
    ~Count() { --count; }
  } count{++store.waiting};
  co_await store.changed.wait_for([&] { return store.items > 0; });
  --store.items;
  ++store.taken;
}

Coro<> add_items(Store& store, int count) {
  auto held = co_await store.changed.scoped();
  store.items += count;
  store.changed.notify(count);
  co_await sleep(0s);
}

// BH-COND-05
ASYNC_TEST(Condition, loses_no_notification_however_its_users_are_cancelled) {
  std::mt19937 random(99);
  for (int round = 0; round < 20; ++round) {
    Store store;
    std::vector<Task<>> takers;
    int added = 0;
    for (int step = 0; step < 100; ++step) {
      const unsigned action = random() % 6;
      if (action < 2) {
        takers.push_back(create_task(take_one(store)));
      } else if (action == 2) {
        const int count = static_cast<int>(random() % 3) + 1;
        added += count;
        auto adder = create_task(add_items(store, count));
      } else if (action < 5 && !takers.empty()) {
        takers[random() % takers.size()].cancel();
      } else {
        co_await sleep(0s);
      }
      if (step % 7 == 0) {
        co_await settle();
        EXPECT_FALSE(store.changed.locked());
        EXPECT_TRUE(store.items == 0 || store.waiting == 0) << "items that are waited for, in round " << round;
      }
    }
    co_await settle();
    EXPECT_EQ(store.items + store.taken, added);
    for (const Task<>& taker : takers) taker.cancel();
    co_await settle();
    EXPECT_EQ(store.waiting, 0);
    EXPECT_FALSE(store.changed.locked());
  }
}

}  // namespace
