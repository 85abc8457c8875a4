// SPDX-License-Identifier: MIT
#include <asyncio/race.h>

#include <asyncio/cancel_scope.h>
#include <asyncio/testing.h>
#include <asyncio/with.h>

#include <stdexcept>
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

ASYNC_TEST(Race, of_tasks_that_start_eagerly_ends_where_one_has_won_in_its_first_step) {
  get_running_loop().set_task_factory(eager_task_factory);
  const auto at_once = [](int value) -> Coro<int> { co_return value; };
  const auto failing = []() -> Coro<int> {
    throw std::runtime_error("a");
    co_return 0;
  };
  std::string log;
  const auto first = co_await race(slow_to_stop(log), at_once(1), at_once(2));
  EXPECT_EQ(first.index(), 1U);
  EXPECT_EQ(log, "cleaned ");
  const auto second = co_await race(failing(), at_once(3));
  EXPECT_EQ(second.index(), 1U);
  EXPECT_EQ(co_await result_of(race(failing(), after(1s, 7))), "1");
  EXPECT_EQ(co_await result_of(race(failing(), failing())), "all entrants of a race failed: a a");
  get_running_loop().set_task_factory({});
  EXPECT_EQ(all_tasks().size(), 1U);
}

ASYNC_TEST(Race, is_not_won_by_an_error) { EXPECT_EQ(co_await result_of(race(fail("a", 1s), after(2s, 7))), "1"); }

ASYNC_TEST(Race, that_all_lose_throws_their_errors_in_the_order_of_the_arguments) {
  EXPECT_EQ(co_await result_of(race(fail("a", 2s), fail("b", 1s))), "all entrants of a race failed: a b");
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

ASYNC_TEST(Race, whose_entrants_are_cancelled_by_others_is_cancelled) {
  auto first = create_task(after(1h, 1));
  auto second = create_task(after(1h, 2));
  auto caller = create_task(result_of(race(first, second)));
  co_await settle();
  first.cancel();
  second.cancel();
  EXPECT_EQ(co_await caller, "cancelled");
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

ASYNC_TEST(Race, takes_a_vector_and_says_who_has_won) {
  std::vector<Coro<int>> entrants;
  entrants.push_back(after(3s, 30));
  entrants.push_back(fail("a", 0s));
  entrants.push_back(after(1s, 10));
  const Winner<int> winner = co_await race(std::move(entrants));
  EXPECT_EQ(winner.index, 2U);
  EXPECT_EQ(winner.value, 10);
}

ASYNC_TEST(Race, of_nobody_is_refused) {
  EXPECT_THROW(static_cast<void>(race(std::vector<Coro<>>())), ValueError);
  co_return;
}

}  // namespace
