// SPDX-License-Identifier: MIT
#include <asyncio/cancel_scope.h>
#include <asyncio/executor.h>
#include <asyncio/gather.h>
#include <asyncio/queue.h>
#include <asyncio/race.h>
#include <asyncio/run.h>
#include <asyncio/semaphore.h>
#include <asyncio/shield.h>
#include <asyncio/task_group.h>
#include <asyncio/testing.h>
#include <asyncio/timeout.h>
#include <asyncio/with.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

// Cancels, deadlines, failures and results that meet in one step, or in the answer to one another.

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

struct Oops : std::runtime_error {
  using std::runtime_error::runtime_error;
};

Coro<> nap(std::chrono::nanoseconds time) { co_await sleep(time); }

Coro<> fail(std::chrono::nanoseconds time) {
  co_await sleep(time);
  throw Oops("planned");
}

// Answers a cancel with an error.
Coro<> spoil() {
  try {
    co_await sleep(1h);
  } catch (const CancelledError&) {
    throw Oops("in answer to a cancel");
  }
}

// Takes a while to clean up.
Coro<> clean_up(std::chrono::nanoseconds time) {
  std::exception_ptr cancel;
  try {
    co_await sleep(1h);
  } catch (const CancelledError&) {
    cancel = std::current_exception();
  }
  co_await sleep(time);
  std::rethrow_exception(cancel);
}

template <class A>
Coro<std::string> ending_of(A operation) {
  try {
    static_cast<void>(co_await std::move(operation));
  } catch (const ExceptionGroup& group) {
    co_return "group of " + std::to_string(group.exceptions().size());
  } catch (const TimeoutError&) {
    co_return "timeout";
  } catch (const CancelledError&) {
    co_return "cancelled";
  }
  co_return "value";
}

}  // namespace

// --- TaskGroup

ASYNC_TEST(TaskGroup, a_timeout_in_the_exit_of_a_cancelled_group_is_not_lost) {
  auto limit = timeout(2s);
  auto block = with(limit, []() -> Coro<> {
    co_await with(TaskGroup(), [](TaskGroup& group) -> Coro<> {
      group.create_task(clean_up(5s));
      co_await sleep(1s);
      group.cancel();
    });
  });
  EXPECT_EQ(co_await ending_of(std::move(block)), "timeout");
  EXPECT_EQ(current_task().cancelling(), 0);
}

ASYNC_TEST(TaskGroup, one_of_its_tasks_may_cancel_the_task_that_runs_the_block) {
  auto block = create_task([]() -> Coro<> {
    const AnyTask parent = current_task();
    co_await with(TaskGroup(), [&](TaskGroup& group) -> Coro<> {
      group.create_task([&]() -> Coro<> {
        parent.cancel();
        co_await sleep(1h);
      });
      co_await sleep(1h);
    });
  });
  EXPECT_EQ(co_await ending_of(block), "cancelled");
  EXPECT_EQ(block.cancelling(), 1);
}

ASYNC_TEST(TaskGroup, a_body_that_answers_its_cancel_with_an_error_leaves_no_request_behind) {
  auto block = with(TaskGroup(), [](TaskGroup& group) -> Coro<> {
    group.create_task(fail(1s));
    co_await spoil();
  });
  EXPECT_EQ(co_await ending_of(std::move(block)), "group of 2");
  EXPECT_EQ(current_task().cancelling(), 0);
  co_await sleep(1s);
}

ASYNC_TEST(TaskGroup, a_body_that_catches_the_failure_of_a_group_in_it_is_still_aborted) {
  std::string inner;
  bool went_on = false;
  auto block = with(TaskGroup(), [&](TaskGroup& outer) -> Coro<> {
    outer.create_task(fail(1s));
    inner = co_await ending_of(with(TaskGroup(), [](TaskGroup& group) { group.create_task(spoil()); }));
    co_await sleep(1s);
    went_on = true;
  });
  EXPECT_EQ(co_await ending_of(std::move(block)), "group of 1");
  EXPECT_EQ(inner, "group of 1");
  EXPECT_FALSE(went_on);
  EXPECT_EQ(current_task().cancelling(), 0);
}

// --- limits of time

ASYNC_TEST(Timeout, that_passes_in_the_cleaning_up_after_an_inner_one_ends_that_and_is_the_error) {
  auto outer = timeout(2s);
  auto inner = timeout(1s);
  const TimePoint begin = get_running_loop().time();
  auto block = with(outer, [&]() -> Coro<> { co_await with(inner, []() -> Coro<> { co_await clean_up(1h); }); });
  EXPECT_EQ(co_await ending_of(std::move(block)), "timeout");
  EXPECT_TRUE(inner.expired() && outer.expired());
  EXPECT_EQ(get_running_loop().time() - begin, 2s);
  EXPECT_EQ(current_task().cancelling(), 0);
}

ASYNC_TEST(CancelScope, that_is_cancelled_around_a_shielded_one_takes_effect_behind_it) {
  std::string log;
  CancelScope outer;
  const bool completed = co_await with(outer, [&](CancelScope&) -> Coro<> {
    outer.cancel();
    co_await with(CancelScope({.shield = true}), [&](CancelScope&) -> Coro<> {
      co_await sleep(1s);
      log += "shielded ";
    });
    co_await sleep(1s);
    log += "not shielded ";
  });
  EXPECT_FALSE(completed);
  EXPECT_EQ(log, "shielded ");
  EXPECT_TRUE(outer.cancelled_caught());
}

// --- several awaitables

ASYNC_TEST(Gather, of_a_task_that_awaits_who_gathers_ends_where_one_of_them_is_cancelled) {
  for (const bool outer_first : {true, false}) {
    Task<> inner;
    auto outer = create_task([&]() -> Coro<> { co_await gather(inner, sleep(1h)); });
    inner = create_task([&]() -> Coro<> { co_await outer; });
    co_await settle();
    (outer_first ? outer : inner).cancel();
    co_await outer.ended();
    co_await inner.ended();
    EXPECT_TRUE(outer.cancelled() && inner.cancelled());
  }
}

ASYNC_TEST(Shield, of_a_task_that_was_cancelled_leaves_no_request_with_who_awaits_it) {
  auto inner = create_task(nap(1h));
  inner.cancel();
  EXPECT_EQ(co_await ending_of(shield(inner)), "cancelled");
  EXPECT_EQ(current_task().cancelling(), 0);
  co_await sleep(1s);
}

// The item comes together with the end of the time, behind it.
ASYNC_TEST(Race, drops_the_item_that_a_loser_was_given) {
  Queue<int> queue;
  auto producer = create_task([&]() -> Coro<> {
    co_await sleep(1s);
    queue.put_nowait(7);
  });
  const auto first = co_await race(queue.get(), sleep(1s));
  co_await producer;
  EXPECT_EQ(first.index(), 1u);
  EXPECT_TRUE(queue.empty());
}

ASYNC_TEST(Race, for_the_end_of_a_wait_that_is_kept_loses_no_item) {
  Queue<int> queue;
  auto producer = create_task([&]() -> Coro<> {
    for (int i = 1; i <= 10; ++i) {
      co_await sleep(1s);
      queue.put_nowait(i);
    }
  });
  int sum = 0;
  int too_late = 0;
  Task<int> item = create_task(queue.get());
  while (sum < 55) {
    const auto first = co_await race(item.ended(), sleep(1s));
    if (first.index() == 1) ++too_late;
    if (!item.done()) continue;
    sum += co_await item;
    item = create_task(queue.get());
  }
  EXPECT_EQ(sum, 55);
  EXPECT_GT(too_late, 0);
  item.cancel();
  co_await item.ended();
  co_await producer;
}

// --- tasks, permits, threads

ASYNC_TEST(Task, may_drop_the_last_handle_to_itself) {
  auto handle = std::make_shared<Task<>>();
  const std::weak_ptr<Task<>> alive = handle;
  bool ended = false;
  *handle = create_task(
      [&ended](std::shared_ptr<Task<>> own) -> Coro<> {
        co_await sleep(1s);
        *own = Task<>();
        own.reset();
        co_await sleep(1s);
        ended = true;
      },
      handle);
  handle.reset();
  co_await sleep(3s);
  EXPECT_TRUE(ended);
  EXPECT_TRUE(alive.expired());
}

ASYNC_TEST(Task, a_done_callback_that_cancels_who_awaits_it_leaves_that_the_result) {
  auto inner = create_task([]() -> Coro<int> {
    co_await sleep(1s);
    co_return 7;
  });
  int got = 0;
  bool went_on = false;
  Task<> outer;
  inner.add_done_callback([&](const Task<int>&) { outer.cancel(); });
  outer = create_task([&]() -> Coro<> {
    got = co_await inner;
    co_await sleep(1s);
    went_on = true;
  });
  EXPECT_EQ(co_await ending_of(outer), "cancelled");
  EXPECT_EQ(got, 7);
  EXPECT_FALSE(went_on);
}

ASYNC_TEST(Semaphore, has_its_permit_back_where_the_end_of_its_holder_cancels_the_next_one) {
  Semaphore slots(1);
  const auto hold = [&slots](std::chrono::seconds time) -> Coro<> {
    auto slot = co_await slots.scoped();
    co_await sleep(time);
  };
  auto holder = create_task(hold, 1s);
  auto next = create_task(hold, 1h);
  holder.add_done_callback([&](const Task<>&) { next.cancel(); });
  co_await holder;
  EXPECT_EQ(co_await ending_of(next), "cancelled");
  EXPECT_TRUE(slots.try_acquire());
  EXPECT_FALSE(slots.try_acquire());
}

TEST(ToThread, may_be_used_in_the_cleaning_up_that_the_end_of_run_asks_for) {
  int result = 0;
  run([&]() -> Coro<> {
    create_task([&]() -> Coro<> {
      bool cancelled = false;
      try {
        co_await sleep(1h);
      } catch (const CancelledError&) {
        cancelled = true;
      }
      if (cancelled) result = co_await to_thread([] { return 5; });
    });
    co_await sleep(0s);
  });
  EXPECT_EQ(result, 5);
}

TEST(CallSoonThreadsafe, that_races_with_the_close_of_the_loop_is_taken_or_refused) {
  for (int i = 0; i < 20; ++i) {
    std::atomic<bool> refused = false;
    std::atomic<int> sent = 0;
    EventLoop loop;
    std::thread sender([&] {
      try {
        for (;;) {
          loop.call_soon_threadsafe([] {});
          ++sent;
        }
      } catch (const RuntimeError&) {
        refused = true;
      }
    });
    while (sent == 0) std::this_thread::yield();
    loop.run_until_complete(nap(0s));
    loop.close();
    sender.join();
    EXPECT_TRUE(refused);
  }
}
