// SPDX-License-Identifier: MIT
#include <asyncio/race.h>

#include <asyncio/cancel_scope.h>
#include <asyncio/testing.h>
#include <asyncio/with.h>

#include <ranges>
#include <stdexcept>
#include <string>
#include <utility>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

template <class T>
Coro<T> after(std::chrono::seconds time, T value) {
  co_await sleep(time);
  co_return value;
}

Coro<int> fail(std::string what, std::chrono::seconds time) {
  co_await sleep(time);
  throw std::runtime_error(what);
}

// Takes a while to clean up when it is cancelled.
Coro<int> slow_to_stop(std::string& log) {
  try {
    co_await sleep(1h);
  } catch (const CancelledError&) {
  }
  co_await sleep(5s);
  log += "cleaned ";
  throw CancelledError();
}

Coro<std::string> result_of(Coro<std::variant<int, int>> race) {
  try {
    const std::variant<int, int> winner = co_await std::move(race);
    co_return std::to_string(winner.index());
  } catch (const std::runtime_error& error) {
    co_return error.what();
  } catch (const ExceptionGroup& group) {
    std::string text = group.message() + ":";
    for (const std::exception_ptr& error : group.exceptions()) {
      try {
        std::rethrow_exception(error);
      } catch (const std::exception& e) {
        text += std::string(" ") + e.what();
      }
    }
    co_return text;
  } catch (const CancelledError&) {
    co_return "cancelled";
  }
}

ASYNC_TEST(Race, gives_the_value_of_the_first_by_its_place) {
  const TimePoint start = get_running_loop().time();
  const std::variant<int, std::string, std::monostate> winner =
      co_await race(after(3s, 1), after(1s, std::string("second")), sleep(2s));
  EXPECT_EQ(winner.index(), 1U);
  EXPECT_EQ(std::get<1>(winner), "second");
  EXPECT_EQ(get_running_loop().time() - start, 1s);
  co_await settle();
  EXPECT_EQ(all_tasks().size(), 1U);
}

ASYNC_TEST(Race, may_be_won_by_what_has_no_value) {
  const auto winner = co_await race(after(3s, 1), sleep(2s));
  EXPECT_EQ(winner.index(), 1U);
}

ASYNC_TEST(Race, waits_for_the_losers) {
  std::string log;
  const TimePoint start = get_running_loop().time();
  const auto winner = co_await race(slow_to_stop(log), after(1s, 7));
  EXPECT_EQ(std::get<1>(winner), 7);
  EXPECT_EQ(log, "cleaned ");
  EXPECT_EQ(get_running_loop().time() - start, 6s);
}

ASYNC_TEST(Race, among_those_that_end_at_once_is_won_by_the_first_argument) {
  const auto winner = co_await race(after(0s, 1), after(0s, 2), after(0s, 3));
  EXPECT_EQ(winner.index(), 0U);
}

Coro<int> at_once(int value) { co_return value; }

Coro<int> failing_at_once() {
  throw std::runtime_error("at once");
  co_return 0;
}

ASYNC_TEST(Race, of_tasks_that_start_eagerly_ends_where_one_has_ended_in_its_first_step) {
  get_running_loop().set_task_factory(eager_task_factory);
  std::string log;
  const auto first = co_await race(slow_to_stop(log), at_once(1), at_once(2));
  EXPECT_EQ(first.index(), 1U);
  EXPECT_EQ(log, "cleaned ");
  EXPECT_EQ(co_await result_of(race(failing_at_once(), at_once(3))), "at once");
  EXPECT_EQ(co_await result_of(race(after(1s, 7), failing_at_once())), "at once");
  get_running_loop().set_task_factory({});
  EXPECT_EQ(all_tasks().size(), 1U);
}

ASYNC_TEST(Race, is_decided_by_an_error_too_and_waits_for_the_rest) {
  std::string log;
  const TimePoint start = get_running_loop().time();
  EXPECT_EQ(co_await result_of(race(slow_to_stop(log), fail("a", 1s))), "a");
  EXPECT_EQ(log, "cleaned ");
  EXPECT_EQ(get_running_loop().time() - start, 6s);
  EXPECT_EQ(all_tasks().size(), 1U);
}

ASYNC_TEST(Race, the_second_error_is_dropped) {
  EXPECT_EQ(co_await result_of(race(fail("a", 2s), fail("b", 1s))), "b");
  EXPECT_EQ(co_await result_of(race(fail("a", 1s), fail("b", 1s))), "a");
}

ASYNC_TEST(Race, is_decided_by_a_task_that_somebody_cancels) {
  auto task = create_task(after(1h, 1));
  auto other = create_task(after(1h, 2));
  auto caller = create_task(result_of(race(task, other)));
  co_await settle();
  task.cancel();
  EXPECT_EQ(co_await caller, "cancelled");
  EXPECT_TRUE(other.cancelled());
  EXPECT_EQ(caller.cancelling(), 0);
}

// Answers a cancel in the way that it is told.
Coro<int> answers_a_cancel(bool by_an_error) {
  try {
    co_await sleep(1h);
  } catch (const CancelledError&) {
    if (by_an_error) throw std::runtime_error("answer");
  }
  co_return 5;
}

ASYNC_TEST(Race, an_answer_to_the_cancel_of_the_caller_decides_and_the_cancel_lands_at_the_next_wait) {
  for (const bool by_an_error : {true, false}) {
    std::string log;
    auto caller = create_task([](bool error, std::string& text) -> Coro<> {
      text = co_await result_of(race(after(1h, 1), answers_a_cancel(error)));
      co_await sleep(1h);
    }(by_an_error, log));
    co_await settle();
    caller.cancel();
    co_await settle();
    EXPECT_EQ(log, by_an_error ? "answer" : "1");
    EXPECT_TRUE(caller.cancelled());
  }
}

ASYNC_TEST(Race, refuses_a_coroutine_that_was_given_away_and_starts_none) {
  bool began = false;
  const auto begins = [](bool& ran) -> Coro<int> {
    ran = true;
    co_return 1;
  };
  Coro<int> used = at_once(1);
  co_await std::move(used);
  Coro<int> other = begins(began);
  EXPECT_THROW(static_cast<void>(race(std::move(other), std::move(used))), RuntimeError);
  std::vector<Coro<int>> several;
  several.push_back(begins(began));
  several.push_back(std::move(used));
  EXPECT_THROW(static_cast<void>(race(std::move(several))), RuntimeError);
  for (Coro<int>& coro : several) coro.close();
  other.close();
  co_await settle();
  EXPECT_FALSE(began);
}

ASYNC_TEST(FirstSuccess, is_not_decided_by_an_error) {
  EXPECT_EQ(co_await result_of(first_success(fail("a", 1s), after(2s, 7))), "1");
  auto task = create_task(after(1h, 1));
  auto caller = create_task(result_of(first_success(task, after(2s, 7))));
  co_await settle();
  task.cancel();
  EXPECT_EQ(co_await caller, "1");
}

ASYNC_TEST(FirstSuccess, cancels_the_rest_and_waits_for_it) {
  std::string log;
  const TimePoint start = get_running_loop().time();
  EXPECT_EQ(co_await result_of(first_success(slow_to_stop(log), after(1s, 7))), "1");
  EXPECT_EQ(log, "cleaned ");
  EXPECT_EQ(get_running_loop().time() - start, 6s);
  EXPECT_EQ(all_tasks().size(), 1U);
}

ASYNC_TEST(FirstSuccess, where_all_fail_throws_their_errors_in_the_order_of_the_arguments) {
  EXPECT_EQ(co_await result_of(first_success(fail("a", 2s), fail("b", 1s))), "none of the entrants succeeded: a b");
}

ASYNC_TEST(FirstSuccess, whose_entrants_are_all_cancelled_by_others_is_cancelled) {
  auto first = create_task(after(1h, 1));
  auto second = create_task(after(1h, 2));
  auto caller = create_task(result_of(first_success(first, second)));
  co_await settle();
  first.cancel();
  second.cancel();
  EXPECT_EQ(co_await caller, "cancelled");
}

ASYNC_TEST(FirstSuccess, a_cancel_of_the_caller_cancels_all_and_waits_for_them) {
  std::string log;
  auto caller = create_task(result_of(first_success(slow_to_stop(log), after(1h, 1))));
  co_await settle();
  caller.cancel();
  EXPECT_EQ(co_await caller, "cancelled");
  EXPECT_EQ(log, "cleaned ");
  EXPECT_EQ(all_tasks().size(), 1U);
}

ASYNC_TEST(FirstSuccess, of_tasks_that_start_eagerly) {
  get_running_loop().set_task_factory(eager_task_factory);
  EXPECT_EQ(co_await result_of(first_success(failing_at_once(), at_once(3))), "1");
  EXPECT_EQ(co_await result_of(first_success(failing_at_once(), after(1s, 7))), "1");
  EXPECT_EQ(co_await result_of(first_success(failing_at_once(), failing_at_once())),
            "none of the entrants succeeded: at once at once");
  get_running_loop().set_task_factory({});
}

ASYNC_TEST(FirstSuccess, takes_a_range_and_says_who_was_first) {
  std::vector<Coro<int>> entrants;
  entrants.push_back(after(3s, 30));
  entrants.push_back(fail("a", 0s));
  entrants.push_back(after(1s, 10));
  const Winner<int> winner = co_await first_success(std::move(entrants));
  EXPECT_EQ(winner.index, 2U);
  EXPECT_EQ(winner.value, 10);
  EXPECT_THROW(static_cast<void>(first_success(std::vector<Coro<>>())), ValueError);
}

ASYNC_TEST(Race, drops_what_losers_throw_in_their_cleaning_up) {
  const auto winner = co_await race(after(1s, 7), []() -> Coro<int> {
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
      throw std::runtime_error("clean-up");
    }
    co_return 0;
  }());
  EXPECT_EQ(std::get<0>(winner), 7);
}

ASYNC_TEST(Race, the_second_to_have_a_value_does_not_win) {
  const auto winner = co_await race(after(1s, 1), []() -> Coro<int> {
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
    }
    co_return 2;
  }());
  EXPECT_EQ(winner.index(), 0U);
}

ASYNC_TEST(Race, a_cancel_of_the_caller_cancels_all_and_waits_for_them) {
  std::string log;
  auto caller = create_task(result_of(race(slow_to_stop(log), slow_to_stop(log))));
  co_await settle();
  caller.cancel();
  co_await sleep(1s);
  EXPECT_FALSE(caller.done());
  caller.cancel();  // disturbs the cleaning up, as a second cancel() does
  EXPECT_EQ(co_await caller, "cancelled");
  EXPECT_EQ(caller.cancelling(), 2);
  co_await settle();
  EXPECT_EQ(all_tasks().size(), 1U);
}

ASYNC_TEST(Race, a_winner_is_not_lost_to_a_cancel) {
  std::string log;
  auto caller = create_task([&log]() -> Coro<> {
    const auto winner = co_await race(slow_to_stop(log), after(1s, 7));
    EXPECT_EQ(std::get<1>(winner), 7);
    log += "won ";
    co_await sleep(1h);
  });
  co_await sleep(2s);  // it waits for the loser
  caller.cancel();
  co_await sleep(5s);
  EXPECT_EQ(log, "cleaned won ");
  EXPECT_TRUE(caller.cancelled());
}

ASYNC_TEST(Race, in_a_scope_is_given_up_when_all_have_ended) {
  std::string log;
  CancelScope scope = move_on_after(1s);
  co_await with(scope, [&]() -> Coro<> { co_await race(slow_to_stop(log), sleep(1h)); });
  EXPECT_TRUE(scope.cancelled_caught());
  EXPECT_EQ(log, "cleaned ");
}

ASYNC_TEST(Race, cancels_a_task_that_loses) {
  auto task = create_task(after(1h, 1));
  co_await race(task, sleep(1s));
  EXPECT_TRUE(task.cancelled());
}

ASYNC_TEST(Race, starts_nothing_before_it_is_awaited) {
  bool began = false;
  auto waiting = race(
      [](bool& ran) -> Coro<> {
        ran = true;
        co_return;
      }(began),
      sleep(1s));
  co_await settle();
  EXPECT_FALSE(began);
  co_await std::move(waiting);
  EXPECT_TRUE(began);
}

ASYNC_TEST(Race, of_one_is_that_one) {
  const auto winner = co_await race(after(1s, std::make_unique<int>(3)));
  EXPECT_EQ(*std::get<0>(winner), 3);
}

ASYNC_TEST(Race, takes_a_range_and_says_who_was_first) {
  std::vector<Coro<int>> entrants;
  entrants.push_back(after(3s, 30));
  entrants.push_back(after(1s, 10));
  const Winner<int> winner = co_await race(std::move(entrants));
  EXPECT_EQ(winner.index, 1U);
  EXPECT_EQ(winner.value, 10);
}

ASYNC_TEST(Race, leaves_the_handles_of_a_range_that_stays_with_their_owner) {
  const std::vector<Task<int>> tasks{create_task(after(3s, 30)), create_task(after(1s, 10))};
  const Winner<int> winner = co_await race(tasks);
  EXPECT_EQ(winner.value, 10);
  EXPECT_EQ(tasks[1].result(), 10);
  EXPECT_TRUE(tasks[0].cancelled());
}

ASYNC_TEST(Race, takes_what_a_view_makes) {
  const auto winner =
      co_await race(std::views::iota(1, 4) | std::views::transform([](int i) { return after(i * 1s, i); }));
  EXPECT_EQ(winner.value, 1);
}

ASYNC_TEST(Race, of_nobody_is_refused) {
  EXPECT_THROW(static_cast<void>(race(std::vector<Coro<>>())), ValueError);
  co_return;
}

}  // namespace
