// SPDX-License-Identifier: MIT
#include <asyncio/timeout.h>

#include <asyncio/cancel_scope.h>
#include <asyncio/task_group.h>
#include <asyncio/testing.h>

#include "tests/ending.h"

#include <stdexcept>
#include <string>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

TimePoint now() { return get_running_loop().time(); }

Coro<> limited(Timeout& limit, Coro<> body) {
  co_await with(limit, [&]() -> Coro<> { co_await std::move(body); });
}

Coro<> nap(std::chrono::nanoseconds duration) { co_await sleep(duration); }

// Waits, and goes on after a cancel.
Coro<> stubborn(std::chrono::nanoseconds duration) {
  try {
    co_await sleep(duration);
  } catch (const CancelledError&) {
  }
}

Coro<> value_of(Future<> future) { co_await future; }

// BH-TMO-01
ASYNC_TEST(Timeout, fixes_its_deadline_when_it_is_made) {
  const TimePoint start = now();
  auto limit = timeout(2s);
  EXPECT_EQ(limit.when(), start + 2s);
  co_await sleep(1500ms);
  const std::string end = co_await ending(limited(limit, nap(1s)));
  EXPECT_EQ(end, "timeout");
  EXPECT_EQ(now(), start + 2s);
  EXPECT_EQ(timeout_at(start + 5s).when(), start + 5s);
  EXPECT_EQ(timeout(std::nullopt).when(), std::nullopt);
  EXPECT_EQ(timeout_at(std::nullopt).when(), std::nullopt);
}

// BH-TMO-01
ASYNC_TEST(Timeout, without_a_deadline_never_expires) {
  auto limit = timeout(std::nullopt);
  const std::string end = co_await ending(limited(limit, nap(24h)));
  EXPECT_EQ(end, "value");
  EXPECT_FALSE(limit.expired());
}

// BH-TMO-02
ASYNC_TEST(Timeout, turns_its_cancel_into_timeout_error) {
  bool cleaned = false;
  std::string end;
  try {
    co_await with(timeout(1s), [&]() -> Coro<> {
      try {
        co_await sleep(1h);
      } catch (const CancelledError&) {
        EXPECT_EQ(current_task().cancelling(), 1);
        cleaned = true;
        throw;
      }
    });
  } catch (const TimeoutError& error) {
    end = error.code() == std::errc::timed_out ? "timed out" : "?";
  }
  EXPECT_EQ(end, "timed out");
  EXPECT_TRUE(cleaned);
  EXPECT_EQ(current_task().cancelling(), 0);
  co_await sleep(1s);
}

// BH-TMO-02
ASYNC_TEST(Timeout, gives_what_its_body_gives) {
  const int value = co_await with(timeout(1s), []() -> Coro<int> {
    co_await sleep(500ms);
    co_return 42;
  });
  EXPECT_EQ(value, 42);
  co_await sleep(1s);  // nothing comes of the deadline
}

// BH-TMO-03
ASYNC_TEST(Timeout, can_be_moved_and_taken_away_while_the_block_runs) {
  const TimePoint start = now();
  auto limit = timeout(1s);
  std::string end = co_await ending(with(limit, [&](Timeout& t) -> Coro<> {
    EXPECT_EQ(t.when(), start + 1s);
    t.reschedule(start + 3s);
    EXPECT_EQ(t.when(), start + 3s);
    co_await sleep(2s);
    t.reschedule(std::nullopt);
    EXPECT_EQ(t.when(), std::nullopt);
    co_await sleep(2s);
    t.reschedule(start + 5s);
    co_await sleep(1h);
  }));
  EXPECT_EQ(end, "timeout");
  EXPECT_EQ(now(), start + 5s);
}

// BH-TMO-03
ASYNC_TEST(Timeout, moved_to_the_past_expires_at_the_next_wait) {
  const TimePoint start = now();
  auto limit = timeout(1h);
  std::string end = co_await ending(with(limit, [&](Timeout& t) -> Coro<> {
    co_await sleep(2s);
    t.reschedule(start + 1s);
    EXPECT_FALSE(t.expired());
    co_await sleep(0s);
    ADD_FAILURE() << "not interrupted";
  }));
  EXPECT_EQ(end, "timeout");
  EXPECT_EQ(now(), start + 2s);
}

// BH-TMO-03
ASYNC_TEST(Timeout, refuses_to_be_moved_unless_it_runs) {
  const auto refused = [](Timeout& limit) {
    try {
      limit.reschedule(std::nullopt);
    } catch (const RuntimeError&) {
      return true;
    }
    return false;
  };
  auto limit = timeout(1s);
  EXPECT_TRUE(refused(limit));  // not entered
  co_await with(limit, [&]() -> Coro<> { co_return; });
  EXPECT_TRUE(refused(limit));  // finished

  auto expiring = timeout(1s);
  const std::string end = co_await ending(with(expiring, [&](Timeout& t) -> Coro<> {
    co_await stubborn(1h);
    EXPECT_TRUE(refused(t));
  }));
  EXPECT_EQ(end, "value");
  EXPECT_TRUE(refused(expiring));
}

// BH-TMO-04
ASYNC_TEST(Timeout, that_is_over_at_the_start_lets_the_block_run_to_its_first_wait) {
  bool waited = false;
  bool ran = false;
  auto limit = timeout(0s);
  std::string end = co_await ending(with(limit, [&]() -> Coro<> {
    ran = true;
    co_await sleep(0s);
    waited = true;
  }));
  EXPECT_EQ(end, "timeout");
  EXPECT_TRUE(ran);
  EXPECT_FALSE(waited);

  auto late = timeout(1s);
  co_await sleep(2s);
  end = co_await ending(limited(late, nap(0s)));
  EXPECT_EQ(end, "timeout");

  auto unnoticed = timeout(-1s);
  const int value = co_await with(unnoticed, []() -> Coro<int> { co_return 1; });
  EXPECT_EQ(value, 1);
  EXPECT_FALSE(unnoticed.expired());
  co_await sleep(1s);
}

// BH-TASK-18, BH-TMO-05
ASYNC_TEST(Timeout, whose_cancel_is_caught_is_no_error) {
  auto limit = timeout(1s);
  co_await with(limit, [&]() -> Coro<> { co_await stubborn(1h); });
  EXPECT_TRUE(limit.expired());
  EXPECT_EQ(current_task().cancelling(), 0);
  co_await sleep(1s);
}

// BH-TMO-06
ASYNC_TEST(Timeout, that_finds_the_body_with_its_result_lets_it_keep_that) {
  Future<int> future;
  auto limit = timeout(1s);
  get_running_loop().call_at(*limit.when(), [&] { future.set_result(7); });
  const int value = co_await with(limit, [&]() -> Coro<int> { co_return co_await future; });
  EXPECT_EQ(value, 7);
  EXPECT_TRUE(limit.expired());
  EXPECT_EQ(current_task().cancelling(), 0);
  co_await sleep(1s);  // no stray cancel
}

// BH-TMO-06
ASYNC_TEST(Timeout, withdraws_its_cancel_also_after_an_older_one_that_was_caught) {
  Future<int> future;
  const auto work = [](Future<int> awaited) -> Coro<int> {
    int value = 0;
    auto limit = timeout(2s);
    get_running_loop().call_at(*limit.when(), [&] { awaited.set_result(7); });
    co_await with(limit, [&]() -> Coro<> {
      co_await stubborn(1h);  // the test cancels this
      value = co_await awaited;
    });
    EXPECT_TRUE(limit.expired());
    EXPECT_EQ(current_task().cancelling(), 1);
    co_await sleep(1s);
    co_return value;
  };
  auto task = create_task(work(future));
  co_await sleep(1s);
  task.cancel();
  EXPECT_EQ(co_await task, 7);
}

// BH-TMO-07
ASYNC_TEST(Timeout, lets_the_cancel_of_somebody_else_pass) {
  auto limit = timeout(2s);
  auto task = create_task(limited(limit, nap(1h)));
  co_await sleep(1s);
  task.cancel();
  co_await settle();
  EXPECT_TRUE(task.cancelled());
  EXPECT_FALSE(limit.expired());
}

// BH-TMO-08
ASYNC_TEST(Timeout, together_with_a_cancel_of_somebody_else_is_a_cancel) {
  auto first = timeout(1s);
  Task<> cancelled_first;
  get_running_loop().call_at(*first.when(), [&] { cancelled_first.cancel(); });
  cancelled_first = create_task(limited(first, nap(1h)));
  auto second = timeout(1s);
  Task<> expired_first = create_task(limited(second, nap(1h)));
  co_await settle();
  get_running_loop().call_at(*second.when(), [&] { expired_first.cancel(); });
  co_await sleep(2s);
  EXPECT_TRUE(cancelled_first.cancelled());
  EXPECT_TRUE(first.expired());
  EXPECT_EQ(cancelled_first.cancelling(), 1);
  EXPECT_TRUE(expired_first.cancelled());
  EXPECT_TRUE(second.expired());
  EXPECT_EQ(expired_first.cancelling(), 1);
}

// BH-TMO-08
ASYNC_TEST(Timeout, keeps_a_cancel_of_somebody_else_that_was_not_delivered) {
  Future<int> future;
  auto limit = timeout(1s);
  const auto work = [](Timeout& t, Future<int> awaited, bool& ended) -> Coro<> {
    co_await with(t, [&]() -> Coro<> { co_await awaited; });
    ended = true;
    co_await sleep(1h);
  };
  bool ended = false;
  auto task = create_task(work(limit, future, ended));
  get_running_loop().call_at(*limit.when(), [&] {
    future.set_result(1);
    task.cancel();
  });
  co_await sleep(2s);
  EXPECT_TRUE(ended);
  EXPECT_TRUE(limit.expired());
  EXPECT_TRUE(task.cancelled());
}

// BH-TMO-09
ASYNC_TEST(Timeout, within_another_expires_by_itself) {
  const TimePoint start = now();
  auto outer = timeout(3s);
  auto inner = timeout(1s);
  const std::string end = co_await ending(with(outer, [&]() -> Coro<> {
    const std::string inside = co_await ending(limited(inner, nap(1h)));
    EXPECT_EQ(inside, "timeout");
    EXPECT_EQ(now(), start + 1s);
    EXPECT_FALSE(outer.expired());
    co_await sleep(1h);
  }));
  EXPECT_EQ(end, "timeout");
  EXPECT_EQ(now(), start + 3s);
  EXPECT_TRUE(inner.expired());
}

// BH-TMO-09
ASYNC_TEST(Timeout, due_together_with_others_only_the_outermost_is_an_error) {
  for (const bool inner_first : {false, true}) {
    auto outer = timeout(1s);
    auto inner = timeout(inner_first ? 999'999'999ns : 1'000'000'000ns);
    std::string inside;
    std::string end;
    try {
      co_await with(outer, [&]() -> Coro<> {
        try {
          co_await with(inner, [&]() -> Coro<> {
            // Both are due when the clock is next read.
            if (inner_first) inner.reschedule(now() - 1s), outer.reschedule(now() - 1s);
            co_await sleep(1h);
          });
        } catch (const CancelledError&) {
          inside = "cancelled";
          throw;
        }
      });
    } catch (const TimeoutError&) {
      end = "timeout";
    }
    EXPECT_EQ(inside, "cancelled");
    EXPECT_EQ(end, "timeout");
    EXPECT_TRUE(inner.expired());
    EXPECT_TRUE(outer.expired());
    EXPECT_EQ(current_task().cancelling(), 0);
    co_await sleep(1s);
  }
}

// BH-TMO-06, BH-TMO-09
ASYNC_TEST(Timeout, due_together_with_others_leaves_no_cancel_behind) {
  Future<> future;
  auto outer = timeout(1s);
  auto inner = timeout(1s);
  get_running_loop().call_at(*outer.when(), [&] { future.set_result(); });
  co_await with(outer, [&]() -> Coro<> {
    co_await with(inner, [&]() -> Coro<> { co_await future; });
    EXPECT_TRUE(inner.expired());
  });
  EXPECT_TRUE(outer.expired());
  EXPECT_EQ(current_task().cancelling(), 0);
  co_await sleep(1s);
}

// BH-TMO-10
ASYNC_TEST(Timeout, lets_the_answer_of_the_body_to_its_cancel_pass) {
  auto limit = timeout(1s);
  const std::string end = co_await ending(with(limit, [&]() -> Coro<> {
    bool cancelled = false;
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
      cancelled = true;
    }
    if (cancelled) throw std::runtime_error("mine");
  }));
  EXPECT_EQ(end, "mine");
  EXPECT_TRUE(limit.expired());
  EXPECT_EQ(current_task().cancelling(), 0);
}

// BH-TMO-11
ASYNC_TEST(Timeout, is_for_one_block_of_a_task) {
  auto limit = timeout(1s);
  co_await with(limit, []() -> Coro<> { co_return; });
  const std::string end = co_await ending(with(limit, []() -> Coro<> { co_return; }));
  EXPECT_EQ(end, "a Timeout is for one block, and this one has been entered");

  bool refused = false;
  get_running_loop().call_soon([&] {
    auto outside = timeout(1s);
    try {
      outside.enter_now();
    } catch (const RuntimeError&) {
      refused = true;
    }
  });
  co_await settle();
  EXPECT_TRUE(refused);
}

// BH-TMO-11, BH-TMO-12
ASYNC_TEST(Timeout, has_no_effect_after_the_block) {
  auto limit = timeout(1s);
  co_await with(limit, []() -> Coro<> { co_await sleep(500ms); });
  EXPECT_FALSE(limit.expired());
  auto failed = timeout(1s);
  const std::string end = co_await ending(with(failed, []() -> Coro<> {
    co_await sleep(500ms);
    throw std::runtime_error("early");
  }));
  EXPECT_EQ(end, "early");
  co_await sleep(1h);
  EXPECT_FALSE(limit.expired());
  EXPECT_FALSE(failed.expired());
}

// BH-TMO-12
ASYNC_TEST(Timeout, is_expired_from_the_deadline_on) {
  auto limit = timeout(1s);
  const std::string end = co_await ending(with(limit, [&](Timeout& t) -> Coro<> {
    EXPECT_FALSE(t.expired());
    co_await stubborn(1h);
    EXPECT_TRUE(t.expired());
  }));
  EXPECT_EQ(end, "value");
  EXPECT_TRUE(limit.expired());
}

// BH-TMO-13
ASYNC_TEST(Timeout, around_a_task_group_waits_for_its_children) {
  const TimePoint start = now();
  bool cleaned = false;
  const auto slow = [](bool& done) -> Coro<> {
    bool cancelled = false;
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
      cancelled = true;
    }
    co_await sleep(2s);
    done = cancelled;
  };
  auto limit = timeout(1s);
  const std::string end = co_await ending(with(limit, [&]() -> Coro<> {
    co_await with(TaskGroup(), [&](TaskGroup& group) -> Coro<> {
      group.create_task(slow(cleaned));
      co_return;
    });
  }));
  EXPECT_EQ(end, "timeout");
  EXPECT_TRUE(cleaned);
  EXPECT_EQ(now(), start + 3s);
  EXPECT_EQ(current_task().cancelling(), 0);
}

// BH-TMO-13
ASYNC_TEST(Timeout, within_a_task_group_is_an_error_of_the_group) {
  std::size_t errors = 0;
  try {
    co_await with(TaskGroup(), [&](TaskGroup& group) -> Coro<> {
      group.create_task(nap(1h));
      co_await with(timeout(1s), []() -> Coro<> { co_await sleep(1h); });
    });
  } catch (const ExceptionGroup& group) {
    errors = group.exceptions().size();
  }
  EXPECT_EQ(errors, 1u);
  EXPECT_EQ(current_task().cancelling(), 0);
}

// BH-TMO-13
ASYNC_TEST(Timeout, is_none_where_a_child_of_the_group_failed) {
  const auto fail = []() -> Coro<> {
    co_await sleep(1s);
    throw std::runtime_error("child");
  };
  auto limit = timeout(2s);
  std::size_t errors = 0;
  try {
    co_await with(limit, [&]() -> Coro<> {
      co_await with(TaskGroup(), [&](TaskGroup& group) -> Coro<> {
        group.create_task(fail());
        co_await sleep(1h);
      });
    });
  } catch (const ExceptionGroup& group) {
    errors = group.exceptions().size();
  }
  EXPECT_EQ(errors, 1u);
  EXPECT_FALSE(limit.expired());
  co_await sleep(2s);
}

// BH-TMO-14
ASYNC_TEST(Timeout, of_zero_does_not_swallow_a_cancel_that_was_pending) {
  for (const auto limit : {0s, 1s}) {
    std::string end;
    const auto work = [](std::chrono::seconds duration, std::string& text) -> Coro<> {
      current_task().cancel("me");
      try {
        co_await with(timeout(duration), []() -> Coro<> { co_await sleep(1h); });
      } catch (const TimeoutError&) {
        text = "timeout";
      } catch (const CancelledError& error) {
        text = error.message();
        throw;
      }
    };
    auto task = create_task(work(limit, end));
    co_await sleep(2s);
    EXPECT_EQ(end, "me");
    EXPECT_TRUE(task.cancelled());
  }
}

// BH-TMO-14
ASYNC_TEST(Timeout, of_zero_keeps_a_cancel_that_was_pending_and_passed_on) {
  Task<> child = create_task(nap(1h));
  const auto work = [](Task<> awaited) -> Coro<> {
    current_task().cancel();
    co_await with(timeout(0s), [&]() -> Coro<> { co_await awaited; });
  };
  auto task = create_task(work(child));
  co_await sleep(1s);
  EXPECT_TRUE(child.cancelled());
  EXPECT_TRUE(task.cancelled());
}

ASYNC_TEST(Timeout, leaves_the_error_of_a_cancel_scope_alone) {
  CancelScope scope = move_on_after(1s);
  auto limit = timeout(3s);
  co_await with(scope, [&]() -> Coro<> {
    co_await with(limit, [&]() -> Coro<> {
      try {
        co_await sleep(1h);
      } catch (const CancelledError&) {
      }
      // The scope goes on to cancel, and the deadline passes while nothing can be interrupted.
      co_await with(CancelScope({.shield = true}), [&](CancelScope&) -> Coro<> { co_await stubborn(1h); });
      EXPECT_TRUE(limit.expired());
      co_await sleep(1h);
    });
  });
  EXPECT_TRUE(scope.cancelled_caught());
  EXPECT_EQ(current_task().cancelling(), 0);
  co_await sleep(1s);
}

ASYNC_TEST(Timeout, cancels_the_task_that_the_block_awaits) {
  Task<> child = create_task(nap(1h));
  const std::string end = co_await ending(with(timeout(1s), [&]() -> Coro<> { co_await child; }));
  EXPECT_EQ(end, "timeout");
  EXPECT_TRUE(child.cancelled());
}

ASYNC_TEST(Timeout, comes_after_the_timers_that_were_due_before_it) {
  Future<> future;
  auto limit = timeout(1s);
  std::string end;
  auto task = create_task(limited(limit, value_of(future)));
  co_await settle();
  // Due before the deadline, and read from the clock together with it.
  get_running_loop().call_at(*limit.when() - 1ns, [&] { future.set_result(); });
  co_await sleep(500ms);
  const TimePoint busy_until = *limit.when();
  EXPECT_GT(busy_until, now());
  co_await sleep(1s);
  EXPECT_TRUE(task.done());
  EXPECT_FALSE(task.cancelled());
}

TEST(Timeout, needs_a_running_loop) {
  EXPECT_THROW(timeout(1s), RuntimeError);
  EXPECT_EQ(timeout_at(std::nullopt).when(), std::nullopt);
}

}  // namespace
