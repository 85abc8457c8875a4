// SPDX-License-Identifier: MIT
#include <asyncio/gather.h>
#include <asyncio/lowlevel/wait_queue.h>
#include <asyncio/shield.h>
#include <asyncio/testing.h>
#include <asyncio/timeout.h>

#include "tests/ending.h"

#include <stdexcept>
#include <string>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

TimePoint now() { return get_running_loop().time(); }

template <class T>
Coro<T> later(std::chrono::nanoseconds delay, T value) {
  co_await sleep(delay);
  co_return value;
}

// Gives each of its numbers to one task.
class Numbers {
 public:
  class Get : public lowlevel::QueuedWaiter {
   public:
    static constexpr lowlevel::WaitKind kind = lowlevel::WaitQueue::kind("Numbers.get");
    explicit Get(Numbers& owner) : QueuedWaiter(owner.getters_, kind), owner_(&owner) {}
    bool await_ready() {
      if (owner_->number_ == 0) return false;
      value_ = std::exchange(owner_->number_, 0);
      return true;
    }
    int await_resume() {
      QueuedWaiter::await_resume();
      return value_;
    }

   private:
    friend Numbers;
    Numbers* owner_;
    int value_ = 0;
  };

  Get get() { return Get(*this); }
  void put(int number) {
    if (getters_.empty()) {
      number_ = number;
    } else {
      static_cast<Get&>(getters_.front()).value_ = number;
      getters_.wake_one();
    }
  }
  int left() const { return number_; }

 private:
  lowlevel::WaitQueue getters_;
  int number_ = 0;
};

// BH-WF-01
ASYNC_TEST(WaitFor, awaits_a_coroutine_in_the_calling_task) {
  const AnyTask caller = current_task();
  const auto who = []() -> Coro<AnyTask> {
    co_await sleep(1s);
    co_return current_task();
  };
  const AnyTask ran = co_await wait_for(who(), 2s);
  EXPECT_TRUE(ran == caller);
  co_await sleep(2s);
}

// BH-WF-01
ASYNC_TEST(WaitFor, takes_anything_that_can_be_awaited) {
  Numbers numbers;
  numbers.put(3);
  EXPECT_EQ(co_await wait_for(numbers.get(), 1s), 3);
  EXPECT_EQ(co_await wait_for(later(1s, 4), 2s), 4);
  Task<int> task = create_task(later(1s, 5));
  const int& value = co_await wait_for(task, 2s);
  EXPECT_EQ(&value, &task.result());
  auto owned = co_await wait_for(create_task(later(1s, std::make_unique<int>(6))), 2s);
  EXPECT_EQ(*owned, 6);
  Future<int> future;
  future.set_result(7);
  EXPECT_EQ(co_await wait_for(future, 1s), 7);
  auto both = co_await wait_for(gather(later(1s, 1), later(1s, 2)), 2s);
  EXPECT_EQ(std::get<1>(both), 2);
  co_await wait_for(sleep(1s), 1.5s);
  co_await wait_for(sleep(1s), std::optional<std::chrono::seconds>());
}

// BH-WF-02
ASYNC_TEST(WaitFor, waits_for_the_cleaning_up_of_what_it_cancels) {
  const TimePoint start = now();
  bool cleaned = false;
  const auto work = [](bool& done) -> Coro<> {
    bool cancelled = false;
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
      cancelled = true;
    }
    if (cancelled) {
      co_await sleep(5s);
      done = true;
      throw CancelledError();
    }
  };
  const std::string end = co_await ending(wait_for(work(cleaned), 1s));
  EXPECT_EQ(end, "timeout");
  EXPECT_TRUE(cleaned);
  EXPECT_EQ(now(), start + 6s);

  cleaned = false;
  Task<> task = create_task(work(cleaned));
  const std::string task_end = co_await ending(wait_for(task, 1s));
  EXPECT_EQ(task_end, "timeout");
  EXPECT_TRUE(cleaned);
  EXPECT_TRUE(task.cancelled());
}

// BH-WF-03
ASYNC_TEST(WaitFor, without_time_gives_what_is_there_and_starts_nothing) {
  bool started = false;
  const auto work = [](bool& ran) -> Coro<> {
    ran = true;
    co_return;
  };
  std::string end = co_await ending(wait_for(work(started), 0s));
  EXPECT_EQ(end, "timeout");
  end = co_await ending(wait_for(work(started), -1s));
  EXPECT_EQ(end, "timeout");
  EXPECT_FALSE(started);
  EXPECT_TRUE(take_reports().empty());  // not even that it was never awaited

  Future<int> future;
  future.set_result(1);
  EXPECT_EQ(co_await wait_for(future, 0s), 1);

  Numbers numbers;
  end = co_await ending(wait_for(numbers.get(), 0s));
  EXPECT_EQ(end, "timeout");
  numbers.put(2);
  EXPECT_EQ(co_await wait_for(numbers.get(), 0s), 2);
  EXPECT_EQ(numbers.left(), 0);
}

// BH-WF-03
ASYNC_TEST(WaitFor, without_time_cancels_a_task_and_waits_for_its_end) {
  Task<int> task = create_task(later(1h, 1));
  co_await settle();
  const std::string end = co_await ending(wait_for(task, 0s));
  EXPECT_EQ(end, "timeout");
  EXPECT_TRUE(task.cancelled());

  const auto stubborn = []() -> Coro<int> {
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
    }
    co_return 9;
  };
  Task<int> other = create_task(stubborn());
  co_await settle();
  EXPECT_EQ(co_await wait_for(other, 0s), 9);
  EXPECT_EQ(current_task().cancelling(), 0);
}

// BH-WF-03, BH-WF-06
ASYNC_TEST(WaitFor, without_time_is_a_cancel_where_the_caller_is_cancelled_too) {
  const auto slow = []() -> Coro<> {
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
    }
    co_await sleep(2s);
    throw CancelledError();
  };
  Task<> task = create_task(slow());
  co_await settle();
  const auto call = [](Task<> awaited) -> Coro<std::string> {
    std::string end;
    try {
      co_await wait_for(awaited, 0s);
    } catch (const TimeoutError&) {
      end = "timeout";
    } catch (const CancelledError&) {
      end = "cancelled";
    }
    co_return end;
  };
  auto caller = create_task(call(task));
  co_await sleep(1s);
  caller.cancel();
  EXPECT_EQ(co_await caller, "cancelled");
}

// BH-WF-04
ASYNC_TEST(WaitFor, gives_what_the_inner_work_makes_of_the_cancel) {
  const auto gives = []() -> Coro<int> {
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
    }
    co_return 5;
  };
  EXPECT_EQ(co_await wait_for(gives(), 1s), 5);
  EXPECT_EQ(current_task().cancelling(), 0);
  const auto throws = []() -> Coro<int> {
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
      throw std::runtime_error("in cleaning up");
    }
    co_return 5;
  };
  const std::string end = co_await ending(wait_for(throws(), 1s));
  EXPECT_EQ(end, "in cleaning up");
  EXPECT_EQ(current_task().cancelling(), 0);
}

// BH-WF-05
ASYNC_TEST(WaitFor, does_not_lose_a_result_that_came_in_time) {
  Numbers numbers;
  const TimePoint deadline = now() + 1s;
  get_running_loop().call_at(deadline, [&] { numbers.put(11); });
  EXPECT_EQ(co_await wait_for(numbers.get(), 1s), 11);
  EXPECT_EQ(numbers.left(), 0);
  co_await sleep(1s);
}

// BH-WF-05
ASYNC_TEST(WaitFor, leaves_in_place_what_came_too_late) {
  Numbers numbers;
  get_running_loop().call_at(now() + 1s + 1ns, [&] { numbers.put(11); });
  const std::string end = co_await ending(wait_for(numbers.get(), 1s));
  EXPECT_EQ(end, "timeout");
  co_await sleep(1s);
  EXPECT_EQ(numbers.left(), 11);
}

// BH-WF-06
ASYNC_TEST(WaitFor, passes_a_cancel_of_the_caller_on) {
  Task<int> inner = create_task(later(1h, 1));
  auto caller = create_task(wait_for(inner, 2h));
  co_await settle();
  caller.cancel();
  co_await settle();
  EXPECT_TRUE(inner.cancelled());
  EXPECT_TRUE(caller.cancelled());
}

// BH-WF-06
ASYNC_TEST(WaitFor, keeps_its_result_where_the_caller_is_cancelled_in_the_same_turn) {
  Numbers numbers;
  const auto call = [](Numbers& from, int& got) -> Coro<> {
    got = co_await wait_for(from.get(), 1h);
    co_await sleep(0s);
    ADD_FAILURE() << "the cancel is lost";
  };
  int got = 0;
  auto caller = create_task(call(numbers, got));
  co_await settle();
  numbers.put(12);
  caller.cancel();
  co_await settle();
  EXPECT_EQ(got, 12);
  EXPECT_TRUE(caller.cancelled());
}

// BH-WF-07
ASYNC_TEST(WaitFor, cannot_tell_a_timeout_of_the_inner_work_from_its_own) {
  const auto throws = []() -> Coro<> {
    co_await sleep(0s);
    throw TimeoutError();
  };
  const std::string end = co_await ending(wait_for(throws(), 1s));
  EXPECT_EQ(end, "timeout");
}

// BH-WF-07
ASYNC_TEST(WaitFor, leaves_alone_what_is_shielded) {
  Task<int> task = create_task(later(5s, 8));
  std::string end = co_await ending(wait_for(shield(task), 1s));
  EXPECT_EQ(end, "timeout");
  end = co_await ending(wait_for(shield(task), 0s));
  EXPECT_EQ(end, "timeout");
  EXPECT_FALSE(task.done());
  EXPECT_EQ(co_await task, 8);
}

// BH-WF-08
ASYNC_TEST(WaitFor, without_a_limit_waits_and_still_passes_a_cancel_on) {
  EXPECT_EQ(co_await wait_for(later(24h, 1), std::nullopt), 1);
  Task<int> inner = create_task(later(1h, 1));
  auto caller = create_task(wait_for(inner, std::nullopt));
  co_await settle();
  caller.cancel();
  co_await settle();
  EXPECT_TRUE(inner.cancelled());
  EXPECT_TRUE(caller.cancelled());
}

ASYNC_TEST(WaitFor, counts_from_the_await) {
  const TimePoint start = now();
  auto wait = wait_for(sleep(1h), 1s);
  co_await sleep(10s);
  const std::string end = co_await ending(std::move(wait));
  EXPECT_EQ(end, "timeout");
  EXPECT_EQ(now(), start + 11s);
}

ASYNC_TEST(WaitFor, that_is_refused_disarms_its_timer) {
  const auto twice = [](Coro<> coro) -> Coro<std::string> {
    std::string end;
    auto wait = wait_for(std::move(coro), 1s);
    co_await wait;
    try {
      co_await wait;
    } catch (const RuntimeError&) {
      end = "refused";
    }
    co_await sleep(2s);
    co_return end;
  };
  const auto nothing = []() -> Coro<> { co_return; };
  EXPECT_EQ(co_await twice(nothing()), "refused");
}

}  // namespace
