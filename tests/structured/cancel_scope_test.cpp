// SPDX-License-Identifier: MIT
#include <asyncio/cancel_scope.h>

#include <asyncio/testing.h>
#include <asyncio/with.h>

#include <limits>
#include <stdexcept>
#include <utility>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

// Whether a wait is let through here.
Coro<bool> can_wait() {
  bool let_through = true;
  try {
    co_await sleep(0s);
  } catch (const CancelledError&) {
    let_through = false;
  }
  co_return let_through;
}

// --- what a cancelled scope does

ASYNC_TEST(CancelScope, that_is_not_cancelled_does_nothing) {
  CancelScope scope;
  const std::optional<int> value = co_await with(scope, [](CancelScope&) -> Coro<int> {
    co_await sleep(1s);
    co_return 1;
  });
  EXPECT_EQ(value, 1);
  EXPECT_FALSE(scope.cancel_called());
  EXPECT_FALSE(scope.cancelled_caught());
}

TEST(CancelScope, is_entered_in_a_task_and_nowhere_else) {
  CancelScope scope;
  EXPECT_THROW(scope.enter_now(), RuntimeError);
  scope.cancel();
  EXPECT_TRUE(scope.cancel_called());
}

ASYNC_TEST(CancelScope, cancelled_in_its_block_takes_effect_at_the_next_wait) {
  CancelScope scope;
  bool went_on = false;
  const bool completed = co_await with(scope, [&](CancelScope& s) -> Coro<> {
    s.cancel();
    went_on = true;
    co_await sleep(1h);
    ADD_FAILURE();
  });
  EXPECT_FALSE(completed);
  EXPECT_TRUE(went_on);
  EXPECT_TRUE(scope.cancel_called());
  EXPECT_TRUE(scope.cancelled_caught());
  EXPECT_EQ(current_task().cancelling(), 0);
  EXPECT_TRUE(co_await can_wait());
}

ASYNC_TEST(CancelScope, cancelled_by_another_task_interrupts_the_wait) {
  CancelScope scope;
  auto block =
      create_task([&scope]() -> Coro<bool> { co_return co_await with(scope, []() -> Coro<> { co_await sleep(1h); }); });
  co_await settle();
  scope.cancel();
  scope.cancel();
  EXPECT_FALSE(co_await block);
  EXPECT_EQ(block.cancelling(), 0);
}

ASYNC_TEST(CancelScope, that_is_cancelled_throws_at_every_wait) {
  int thrown = 0;
  const bool completed = co_await with(CancelScope(), [&](CancelScope& scope) -> Coro<> {
    scope.cancel();
    for (int i = 0; i < 5; ++i) {
      try {
        co_await sleep(1h);
      } catch (const CancelledError&) {
        ++thrown;
      }
    }
  });
  EXPECT_TRUE(completed);  // the body has got to its end
  EXPECT_EQ(thrown, 5);
}

ASYNC_TEST(CancelScope, lets_a_body_that_waits_no_more_end_with_its_value) {
  CancelScope scope;
  const std::optional<int> value = co_await with(scope, [](CancelScope& s) -> Coro<int> {
    s.cancel();
    co_return 1;
  });
  EXPECT_EQ(value, 1);
  EXPECT_TRUE(scope.cancel_called());
  EXPECT_FALSE(scope.cancelled_caught());
}

ASYNC_TEST(CancelScope, cancelled_before_its_block_cancels_the_first_wait) {
  CancelScope scope;
  scope.cancel();
  bool began = false;
  const bool completed = co_await with(scope, [&]() -> Coro<> {
    began = true;
    co_await sleep(0s);
    ADD_FAILURE();
  });
  EXPECT_TRUE(began);
  EXPECT_FALSE(completed);
}

ASYNC_TEST(CancelScope, cancelled_after_its_block_stays_as_it_was) {
  CancelScope scope;
  co_await with(scope, []() -> Coro<> { co_return; });
  scope.cancel();
  EXPECT_FALSE(scope.cancel_called());
  EXPECT_TRUE(co_await can_wait());
}

ASYNC_TEST(CancelScope, lets_an_exception_of_the_body_through) {
  CancelScope scope;
  std::string caught;
  try {
    co_await with(scope, [](CancelScope& s) -> Coro<> {
      s.cancel();
      try {
        co_await sleep(1h);
      } catch (const CancelledError&) {
        throw std::runtime_error("instead");
      }
    });
  } catch (const std::runtime_error& e) {
    caught = e.what();
  }
  EXPECT_EQ(caught, "instead");
  EXPECT_FALSE(scope.cancelled_caught());
}

ASYNC_TEST(CancelScope, does_not_take_back_what_a_wait_has_got) {
  Future<int> future;
  CancelScope scope;
  auto block = create_task([&]() -> Coro<std::optional<int>> {
    co_return co_await with(scope, [&]() -> Coro<int> { co_return co_await future; });
  });
  co_await settle();
  future.set_result(7);  // the task is woken, but has not run
  scope.cancel();
  EXPECT_EQ(co_await block, 7);
  EXPECT_FALSE(scope.cancelled_caught());
}

ASYNC_TEST(CancelScope, can_be_entered_only_once) {
  CancelScope scope;
  co_await with(scope, []() -> Coro<> { co_return; });
  bool refused = false;
  try {
    co_await with(scope, []() -> Coro<> { co_return; });
  } catch (const RuntimeError&) {
    refused = true;
  }
  EXPECT_TRUE(refused);
}

// --- nesting. S is shielded, ! is cancelled; the outermost comes first.

struct Nesting {
  const char* scopes;  // "o!i" is an outer scope that is cancelled, and an inner one that is not
  const char*
      caught_by;  // the scope that swallows the error of a wait in the innermost; empty: the wait is let through
};

// Enters scopes[at...], cancels those that are to be, and waits in the innermost.
Coro<> nest(std::string_view scopes, std::string& caught_by, std::vector<CancelScope*>& to_cancel) {
  if (scopes.empty()) {
    for (CancelScope* scope : to_cancel) scope->cancel();
    co_await sleep(0s);
    co_return;
  }
  const char name = scopes[0];
  scopes.remove_prefix(1);
  CancelScope scope;
  while (!scopes.empty() && (scopes[0] == '!' || scopes[0] == 'S')) {
    if (scopes[0] == 'S') scope.set_shield(true);
    if (scopes[0] == '!') to_cancel.push_back(&scope);
    scopes.remove_prefix(1);
  }
  co_await with(scope, [&]() -> Coro<> { co_await nest(scopes, caught_by, to_cancel); });
  if (scope.cancelled_caught()) caught_by += name;
}

ASYNC_TEST(CancelScope, the_outermost_cancelled_one_that_no_shield_hides_decides) {
  constexpr Nesting table[] = {
      {"o", ""},       {"o!", "o"},      {"oi", ""},       {"o!i", "o"},    {"oi!", "i"},
      {"o!i!", "o"},   {"oS!i", "o"},    {"o!iS", ""},     {"o!iS!", "i"},  {"o!iSj", ""},
      {"o!iSj!", "j"}, {"o!iS!j!", "i"}, {"o!i!j!", "o"},  {"oi!j!", "i"},  {"o!ijS!", "j"},
      {"o!ijS", ""},   {"oSi!j", "i"},   {"o!iSjk!", "k"}, {"o!iS!jS", ""}, {"o!i!jS!", "j"},
  };
  for (const Nesting& row : table) {
    std::string caught_by;
    std::vector<CancelScope*> to_cancel;
    co_await nest(row.scopes, caught_by, to_cancel);
    EXPECT_EQ(caught_by, row.caught_by) << row.scopes;
    EXPECT_TRUE(co_await can_wait()) << row.scopes;
  }
}

ASYNC_TEST(CancelScope, the_error_of_an_outer_scope_passes_through_the_inner_ones) {
  CancelScope outer;
  CancelScope inner;
  bool after_inner = false;
  const bool completed = co_await with(outer, [&]() -> Coro<> {
    const bool inner_completed = co_await with(inner, [&]() -> Coro<> {
      inner.cancel();
      outer.cancel();
      co_await sleep(1h);
    });
    after_inner = true;
    EXPECT_TRUE(inner_completed);
  });
  EXPECT_FALSE(completed);
  EXPECT_FALSE(after_inner);
  EXPECT_FALSE(inner.cancelled_caught());
  EXPECT_TRUE(outer.cancelled_caught());
}

ASYNC_TEST(CancelScope, after_an_inner_scope_the_outer_one_still_throws) {
  int inner_waits = 0;
  CancelScope outer;
  co_await with(outer, [&]() -> Coro<> {
    outer.cancel();
    co_await with(CancelScope({.shield = true}), [&](CancelScope& inner) -> Coro<> {
      if (co_await can_wait()) ++inner_waits;
      inner.cancel();
      co_await sleep(1h);
    });
    ++inner_waits;
    co_await sleep(1h);
    ADD_FAILURE();
  });
  EXPECT_EQ(inner_waits, 2);
  EXPECT_TRUE(outer.cancelled_caught());
}

// --- shields

ASYNC_TEST(CancelScope, a_shield_that_is_lowered_lets_the_cancel_in_at_once) {
  CancelScope outer;
  CancelScope shielded({.shield = true});
  auto block = create_task([&]() -> Coro<bool> {
    co_return co_await with(outer,
                            [&]() -> Coro<> { co_await with(shielded, []() -> Coro<> { co_await sleep(1h); }); });
  });
  co_await settle();
  outer.cancel();
  co_await settle();
  EXPECT_FALSE(block.done());
  shielded.set_shield(false);
  EXPECT_FALSE(co_await block);
  EXPECT_TRUE(outer.cancelled_caught());
  EXPECT_FALSE(shielded.cancelled_caught());
}

ASYNC_TEST(CancelScope, a_shield_that_is_raised_hides_the_cancel_again) {
  std::string log;
  co_await with(CancelScope(), [&](CancelScope& outer) -> Coro<> {
    outer.cancel();
    co_await with(CancelScope(), [&](CancelScope& inner) -> Coro<> {
      log += co_await can_wait() ? 'y' : 'n';
      inner.set_shield(true);
      log += co_await can_wait() ? 'y' : 'n';
      inner.set_shield(false);
      log += co_await can_wait() ? 'y' : 'n';
    });
  });
  EXPECT_EQ(log, "nyn");
}

ASYNC_TEST(CancelScope, a_shield_raised_after_the_interruption_does_not_recall_it) {
  CancelScope outer;
  CancelScope inner;
  auto block = create_task([&]() -> Coro<bool> {
    co_return co_await with(outer, [&]() -> Coro<> {
      co_await with(inner, []() -> Coro<> { co_await sleep(1h); });
      ADD_FAILURE();
    });
  });
  co_await settle();
  outer.cancel();
  inner.set_shield(true);
  EXPECT_FALSE(co_await block);
  EXPECT_TRUE(outer.cancelled_caught());
}

ASYNC_TEST(CancelScope, a_shield_does_not_stop_a_cancel_of_the_task) {
  auto block = create_task(
      []() -> Coro<> { co_await with(CancelScope({.shield = true}), []() -> Coro<> { co_await sleep(1h); }); });
  co_await settle();
  block.cancel("task");
  co_await settle();
  EXPECT_TRUE(block.cancelled());
}

// --- together with Task::cancel()

ASYNC_TEST(CancelScope, lets_a_request_of_task_cancel_through) {
  CancelScope scope;
  auto block = create_task([&]() -> Coro<> { co_await with(scope, []() -> Coro<> { co_await sleep(1h); }); });
  co_await settle();
  block.cancel();
  co_await settle();
  EXPECT_TRUE(block.cancelled());
  EXPECT_FALSE(scope.cancelled_caught());
}

ASYNC_TEST(CancelScope, a_request_of_task_cancel_comes_first_in_any_order) {
  for (const bool scope_first : {false, true}) {
    CancelScope scope;
    auto block = create_task([&]() -> Coro<> { co_await with(scope, []() -> Coro<> { co_await sleep(1h); }); });
    co_await settle();
    if (scope_first) scope.cancel();
    block.cancel("task");
    if (!scope_first) scope.cancel();
    std::string message;
    try {
      co_await block;
    } catch (const CancelledError& e) {
      message = e.message();
      EXPECT_EQ(e.source(), nullptr);
    }
    EXPECT_EQ(message, "task");
    EXPECT_FALSE(scope.cancelled_caught());
  }
}

ASYNC_TEST(CancelScope, a_request_that_was_swallowed_leaves_the_scope_in_force) {
  CancelScope scope;
  std::string log;
  auto block = create_task([&]() -> Coro<> {
    co_await with(scope, [&]() -> Coro<> {
      try {
        co_await sleep(1h);
      } catch (const CancelledError& e) {
        log += e.source() == nullptr ? "request " : "scope ";
      }
      try {
        co_await sleep(1h);
      } catch (const CancelledError& e) {
        log += e.source() == &scope ? "scope " : "request ";
        throw;
      }
    });
    log += "after";
  });
  co_await settle();
  scope.cancel();
  block.cancel();
  co_await block;
  EXPECT_EQ(log, "request scope after");
  EXPECT_EQ(block.cancelling(), 1);
}

ASYNC_TEST(CancelScope, a_request_withdrawn_before_it_came_leaves_the_scope_in_force) {
  CancelScope scope;
  co_await with(scope, [&]() -> Coro<> {
    current_task().cancel();
    scope.cancel();
    current_task().uncancel();
    co_await sleep(1h);
  });
  EXPECT_TRUE(scope.cancelled_caught());
}

// --- deadlines

ASYNC_TEST(CancelScope, cancels_itself_at_its_deadline) {
  const TimePoint start = get_running_loop().time();
  CancelScope scope = move_on_after(2s);
  EXPECT_EQ(scope.deadline(), start + 2s);
  const std::optional<int> value = co_await with(scope, []() -> Coro<int> {
    co_await sleep(1h);
    co_return 1;
  });
  EXPECT_FALSE(value);
  EXPECT_TRUE(scope.cancel_called());
  EXPECT_TRUE(scope.cancelled_caught());
  EXPECT_EQ(get_running_loop().time() - start, 2s);
}

ASYNC_TEST(CancelScope, a_deadline_that_does_not_come_leaves_no_timer) {
  const TimePoint start = get_running_loop().time();
  EXPECT_TRUE(co_await with(move_on_after(1h), []() -> Coro<> { co_await sleep(1s); }));
  co_await settle();
  EXPECT_EQ(get_running_loop().time() - start, 1s);
}

ASYNC_TEST(CancelScope, the_nearest_deadline_comes_first) {
  struct Row {
    std::chrono::seconds outer;
    std::chrono::seconds inner;
    const char* caught_by;
    std::chrono::seconds took;
  };
  constexpr Row table[] = {
      {3s, 1s, "inner ", 1s}, {1s, 3s, "outer ", 1s}, {2s, 2s, "outer ", 2s}, {0s, 1s, "outer ", 0s}};
  for (const Row& row : table) {
    const TimePoint start = get_running_loop().time();
    std::string caught_by;
    CancelScope outer = move_on_after(row.outer);
    CancelScope inner = move_on_after(row.inner);
    co_await with(outer, [&]() -> Coro<> {
      co_await with(inner, []() -> Coro<> { co_await sleep(1h); });
      if (inner.cancelled_caught()) caught_by += "inner ";
    });
    if (outer.cancelled_caught()) caught_by += "outer ";
    EXPECT_EQ(caught_by, row.caught_by);
    EXPECT_EQ(get_running_loop().time() - start, row.took);
  }
}

ASYNC_TEST(CancelScope, what_comes_together_with_the_deadline_is_not_given_up) {
  Future<int> future;
  get_running_loop().call_later(1s, [future] { future.set_result(7); });
  CancelScope scope = move_on_after(1s);
  const std::optional<int> value = co_await with(scope, [&]() -> Coro<int> { co_return co_await future; });
  EXPECT_EQ(value, 7);
  EXPECT_FALSE(scope.cancelled_caught());
}

ASYNC_TEST(CancelScope, a_deadline_that_has_passed_lets_the_body_run_to_its_first_wait) {
  bool began = false;
  const bool completed = co_await with(move_on_after(-1s), [&](CancelScope& scope) -> Coro<> {
    began = true;
    EXPECT_TRUE(scope.cancel_called());
    co_await sleep(0s);
    ADD_FAILURE();
  });
  EXPECT_TRUE(began);
  EXPECT_FALSE(completed);
}

ASYNC_TEST(CancelScope, a_deadline_can_be_moved) {
  const TimePoint start = get_running_loop().time();
  CancelScope scope = move_on_after(1s);
  co_await with(scope, [&]() -> Coro<> {
    scope.set_deadline(std::nullopt);
    co_await sleep(5s);
    scope.set_deadline(start + 7s);
    co_await sleep(1h);
  });
  EXPECT_TRUE(scope.cancelled_caught());
  EXPECT_EQ(get_running_loop().time() - start, 7s);
}

ASYNC_TEST(CancelScope, a_deadline_moved_into_the_past_cancels_at_once) {
  CancelScope scope;
  auto block =
      create_task([&]() -> Coro<bool> { co_return co_await with(scope, []() -> Coro<> { co_await sleep(1h); }); });
  co_await settle();
  scope.set_deadline(get_running_loop().time());
  EXPECT_FALSE(co_await block);
}

ASYNC_TEST(CancelScope, a_deadline_moved_after_the_cancel_changes_nothing) {
  CancelScope scope = move_on_after(1s);
  const bool completed = co_await with(scope, [&]() -> Coro<> {
    scope.cancel();
    scope.set_deadline(std::nullopt);
    co_await sleep(1h);
  });
  EXPECT_FALSE(completed);
}

ASYNC_TEST(CancelScope, a_deadline_of_never_is_never) {
  EXPECT_TRUE(co_await with(move_on_at(std::nullopt), []() -> Coro<> { co_await sleep(10h); }));
  EXPECT_TRUE(co_await with(move_on_after(std::nullopt), []() -> Coro<> { co_await sleep(10h); }));
  EXPECT_EQ(fail_after(std::nullopt).deadline(), std::nullopt);
  EXPECT_TRUE(co_await with(move_on_after(std::chrono::hours::max()), []() -> Coro<> { co_await sleep(10h); }));
}

ASYNC_TEST(CancelScope, a_time_that_is_not_a_number_is_refused) {
  EXPECT_THROW(
      static_cast<void>(move_on_after(std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN()))),
      ValueError);
  co_return;
}

ASYNC_TEST(CancelScope, move_on_at_takes_a_time_of_the_loop) {
  const TimePoint when = get_running_loop().time() + 3s;
  EXPECT_FALSE(co_await with(move_on_at(when), []() -> Coro<> { co_await sleep(1h); }));
  EXPECT_EQ(get_running_loop().time(), when);
}

ASYNC_TEST(CancelScope, the_shorthands_take_a_shield) {
  const TimePoint when = get_running_loop().time() + 3s;
  EXPECT_TRUE(move_on_after(3s, {.shield = true}).shield());
  EXPECT_TRUE(move_on_at(when, {.shield = true}).shield());
  EXPECT_TRUE(fail_after(3s, {.shield = true}).shield());
  EXPECT_TRUE(fail_at(when, {.shield = true}).shield());
  EXPECT_FALSE(move_on_after(3s).shield());
  EXPECT_FALSE(fail_at(when).shield());
  EXPECT_EQ(move_on_after(3s, {.shield = true}).deadline(), when);
  EXPECT_EQ(fail_after(3s, {.shield = true}).deadline(), when);
  co_return;
}

// --- fail_after

ASYNC_TEST(FailScope, turns_its_own_cancel_into_a_timeout_error) {
  FailScope scope = fail_after(2s);
  bool timed_out = false;
  try {
    co_await with(scope, []() -> Coro<int> {
      co_await sleep(1h);
      co_return 1;
    });
  } catch (const TimeoutError&) {
    timed_out = true;
  }
  EXPECT_TRUE(timed_out);
  EXPECT_TRUE(scope.cancelled_caught());
  EXPECT_TRUE(co_await can_wait());
}

ASYNC_TEST(FailScope, gives_what_the_body_gives) {
  const int value = co_await with(fail_after(2s), [](CancelScope& scope) -> Coro<int> {
    EXPECT_FALSE(scope.shield());
    co_await sleep(1s);
    co_return 1;
  });
  EXPECT_EQ(value, 1);
}

ASYNC_TEST(FailScope, lets_the_cancel_of_a_scope_around_it_through) {
  CancelScope outer = move_on_after(1s);
  const bool completed =
      co_await with(outer, []() -> Coro<> { co_await with(fail_after(1s), []() -> Coro<> { co_await sleep(1h); }); });
  EXPECT_FALSE(completed);
  EXPECT_TRUE(outer.cancelled_caught());
}

ASYNC_TEST(FailScope, fail_at_takes_a_time_of_the_loop) {
  bool timed_out = false;
  try {
    co_await with(fail_at(get_running_loop().time()), []() -> Coro<> { co_await sleep(0s); });
  } catch (const TimeoutError&) {
    timed_out = true;
  }
  EXPECT_TRUE(timed_out);
}

}  // namespace
