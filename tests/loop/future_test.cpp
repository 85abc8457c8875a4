// SPDX-License-Identifier: MIT
#include <asyncio/future.h>

#include <asyncio/testing.h>

#include <stdexcept>
#include <thread>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

template <class T>
Coro<T> wait_for_it(Future<T> future) {
  co_return co_await future;
}

Coro<> note(Future<> future, char name, std::string& log) {
  try {
    co_await future;
    log += name;
  } catch (const CancelledError& error) {
    log += std::string(1, name) + "(" + error.message() + ")";
  }
}

// BH-FUT-01
ASYNC_TEST(Future, ends_once) {
  Future<int> future;
  EXPECT_FALSE(future.done());
  future.set_result(1);
  EXPECT_TRUE(future.done());
  EXPECT_FALSE(future.cancelled());
  EXPECT_THROW(future.set_result(2), InvalidStateError);
  EXPECT_THROW(future.set_exception(std::runtime_error("late")), InvalidStateError);
  EXPECT_FALSE(future.cancel());
  EXPECT_EQ(future.result(), 1);

  Future<int> cancelled;
  EXPECT_TRUE(cancelled.cancel());
  EXPECT_FALSE(cancelled.cancel());
  EXPECT_TRUE(cancelled.done());
  EXPECT_TRUE(cancelled.cancelled());
  EXPECT_THROW(cancelled.set_result(2), InvalidStateError);
  co_return;
}

// BH-FUT-02
ASYNC_TEST(Future, result_and_exception_say_how_it_ended) {
  Future<int> pending;
  EXPECT_THROW(pending.result(), InvalidStateError);
  EXPECT_THROW(pending.exception(), InvalidStateError);
  pending.set_result(7);
  EXPECT_EQ(pending.result(), 7);
  EXPECT_EQ(pending.exception(), nullptr);

  Future<int> failed;
  failed.set_exception(std::out_of_range("oops"));
  EXPECT_THROW(failed.result(), std::out_of_range);
  EXPECT_THROW(std::rethrow_exception(failed.exception()), std::out_of_range);

  Future<int> cancelled;
  cancelled.cancel("enough");
  EXPECT_THROW(cancelled.result(), CancelledError);
  EXPECT_THROW(cancelled.exception(), CancelledError);
  co_return;
}

// BH-FUT-03
ASYNC_TEST(Future, done_callbacks_are_called_by_the_loop_in_the_order_in_which_they_came) {
  std::string log;
  Future<int> future;
  future.add_done_callback([&](const Future<int>& f) {
    EXPECT_EQ(f, future);
    log += 'a' + static_cast<char>(f.result());
  });
  future.add_done_callback([&](const Future<int>&) { log += 'c'; });
  future.set_result(1);
  future.add_done_callback([&](const Future<int>&) { log += 'd'; });  // it has ended already
  EXPECT_EQ(log, "");
  co_await settle();
  EXPECT_EQ(log, "bcd");
}

const ContextVar<int> number("number", 0);

// BH-FUT-04
ASYNC_TEST(Future, a_done_callback_runs_in_the_context_that_added_it) {
  std::vector<int> got;
  Future<> future;
  number.set(1);
  future.add_done_callback([&](const Future<>&) {
    got.push_back(number.get());
    number.set(10);  // seen by nobody else
  });
  number.set(2);
  future.add_done_callback([&](const Future<>&) { got.push_back(number.get()); });
  Context own;
  own.run([&] { number.set(3); });
  future.add_done_callback([&](const Future<>&) { got.push_back(number.get()); }, own);
  future.set_result();
  co_await settle();
  EXPECT_EQ(got, (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(number.get(), 2);
}

// BH-FUT-05: a token says which, because callables cannot be compared.
ASYNC_TEST(Future, a_token_removes_one_done_callback) {
  std::string log;
  Future<> future;
  const auto callback = [&](const Future<>&) { log += 'x'; };
  const auto first = future.add_done_callback(callback);
  const auto second = future.add_done_callback(callback);
  future.add_done_callback(callback);
  EXPECT_NE(first, second);
  EXPECT_TRUE(future.remove_done_callback(first));
  EXPECT_FALSE(future.remove_done_callback(first));
  future.set_result();
  co_await settle();
  EXPECT_EQ(log, "xx");  // what was added three times and removed once
  EXPECT_FALSE(future.remove_done_callback(second));
}

// BH-FUT-05
ASYNC_TEST(Future, a_done_callback_may_remove_another) {
  std::string log;
  Future<> future;
  std::uint64_t last = 0;
  future.add_done_callback([&](const Future<>& f) {
    log += 'a';
    EXPECT_FALSE(f.remove_done_callback(last));  // queued by now, like this one
  });
  last = future.add_done_callback([&](const Future<>&) { log += 'b'; });
  future.set_result();
  co_await settle();
  EXPECT_EQ(log, "ab");
}

// BH-FUT-06
ASYNC_TEST(Future, an_exception_in_a_done_callback_is_reported_and_stops_no_other) {
  std::string log;
  Future<> future;
  future.add_done_callback([](const Future<>&) { throw std::runtime_error("oops"); });
  future.add_done_callback([&](const Future<>&) { log += 'b'; });
  future.set_result();
  co_await settle();
  EXPECT_EQ(log, "b");
  EXPECT_EQ(take_reports(), std::vector<std::string>{"Exception in a done callback: oops"});
}

// BH-FUT-07
ASYNC_TEST(Future, one_that_has_ended_is_awaited_without_a_turn_of_the_loop) {
  bool other_ran = false;
  get_running_loop().call_soon([&] { other_ran = true; });
  Future<int> future;
  future.set_result(5);
  EXPECT_EQ(co_await future, 5);
  EXPECT_FALSE(other_ran);
  co_await settle();
}

// BH-FUT-07
ASYNC_TEST(Future, those_who_await_it_wake_in_the_order_of_their_awaits) {
  std::string log;
  Future<> future;
  auto a = create_task(note(future, 'a', log));
  auto b = create_task(note(future, 'b', log));
  auto c = create_task(note(future, 'c', log));
  co_await settle();
  EXPECT_EQ(log, "");
  future.set_result();
  EXPECT_EQ(log, "");
  co_await settle();
  EXPECT_EQ(log, "abc");
}

// BH-FUT-08
ASYNC_TEST(Future, a_cancel_reaches_all_who_await_it_with_its_message) {
  std::string log;
  Future<> future;
  int called = 0;
  future.add_done_callback([&](const Future<>& f) { called += f.cancelled() ? 1 : 10; });
  auto a = create_task(note(future, 'a', log));
  auto b = create_task(note(future, 'b', log));
  co_await settle();
  EXPECT_TRUE(future.cancel("enough"));
  EXPECT_TRUE(future.cancelled());
  EXPECT_EQ(log, "");
  co_await settle();
  EXPECT_EQ(log, "a(enough)b(enough)");
  EXPECT_EQ(called, 1);
  EXPECT_FALSE(a.cancelled());  // they caught it
}

ASYNC_TEST(Future, cancelling_one_of_those_who_await_it_cancels_it) {
  std::string log;
  Future<> future;
  auto a = create_task(note(future, 'a', log));
  auto b = create_task(note(future, 'b', log));
  co_await settle();
  a.cancel("no more");
  EXPECT_TRUE(future.cancelled());
  co_await settle();
  EXPECT_EQ(log, "a(no more)b(no more)");
}

// BH-FUT-09
ASYNC_TEST(Future, set_exception_takes_an_object_or_a_pointer_to_one) {
  Future<int> by_object;
  by_object.set_exception(std::out_of_range("oops"));
  EXPECT_THROW(by_object.result(), std::out_of_range);
  Future<int> by_pointer;
  const std::exception_ptr error = std::make_exception_ptr(std::length_error("too long"));
  by_pointer.set_exception(error);
  EXPECT_EQ(by_pointer.exception(), error);
  Future<int> exit;
  exit.set_exception(SystemExit(3));  // the future's, and no business of the loop
  EXPECT_THROW(exit.result(), SystemExit);
  co_await settle();
}

// BH-FUT-10
ASYNC_TEST(Future, each_look_throws_the_same_exception_object) {
  Future<int> future;
  future.set_exception(std::runtime_error("oops"));
  const void* seen[3] = {};
  for (const void*& one : seen) {
    try {
      co_await future;
    } catch (const std::runtime_error& error) {
      one = &error;
    }
  }
  EXPECT_NE(seen[0], nullptr);
  EXPECT_EQ(seen[0], seen[1]);
  EXPECT_EQ(seen[0], seen[2]);
}

// BH-FUT-11, BH-TASK-20
TEST(Future, awaiting_one_of_another_loop_throws_in_the_task_that_does) {
  VirtualClock clock;
  EventLoop other({.clock = &clock});
  auto foreign = other.create_future<int>();
  EXPECT_EQ(foreign.state().loop(), &detail::core_of(other));
  std::string caught;
  const auto main = [&]() -> Coro<> {
    try {
      co_await foreign;
    } catch (const RuntimeError& error) {
      caught = error.what();
    }
    co_await sleep(0s);  // the task goes on
    foreign.set_result(3);
    EXPECT_EQ(co_await foreign, 3);  // needs no wait
  };
  run(main());
  EXPECT_NE(caught.find("another event loop"), std::string::npos);
  EXPECT_TRUE(foreign.state().joiners().empty());
}

// BH-FUT-14
ASYNC_TEST(Future, a_pending_one_goes_in_silence) {
  {
    Future<int> future;
  }
  {
    Future<int> future;
    future.add_done_callback([](const Future<int>&) { FAIL(); });
  }
  co_await settle();
}

// BH-FUT-15
ASYNC_TEST(Future, a_result_that_comes_after_a_cancel_is_refused_where_it_is_set) {
  Future<int> future;
  auto waiter = create_task(wait_for_it(future));
  co_await settle();
  waiter.cancel();
  EXPECT_THROW(future.set_result(1), InvalidStateError);
  co_await settle();
  EXPECT_TRUE(waiter.cancelled());
}

ASYNC_TEST(Future, a_handle_may_be_replaced_while_a_task_awaits_it) {
  Future<std::string> current;
  Future<std::string> first = current;
  const auto wait = [](Future<std::string>& slot) -> Coro<std::string> { co_return co_await slot; };
  auto waiter = create_task(wait(current));
  co_await settle();
  current = Future<std::string>();
  first.set_result("the first");
  first = current;  // the waiter alone keeps the state that it waits for
  EXPECT_EQ(co_await waiter, "the first");
}

ASYNC_TEST(Future, all_handles_may_go_while_a_task_awaits_it) {
  auto slot = std::make_unique<Future<int>>();
  const auto wait = [](Future<int>& future) -> Coro<> { co_await future; };
  auto waiter = create_task(wait(*slot));
  co_await settle();
  slot.reset();
  co_await settle();
  EXPECT_FALSE(waiter.done());
  waiter.cancel();
  co_await settle();
  EXPECT_TRUE(waiter.cancelled());
}

ASYNC_TEST(Future, an_rvalue_await_moves_the_value_where_there_is_no_other_handle) {
  Future<std::unique_ptr<int>> future;
  future.set_result(std::make_unique<int>(7));
  const std::unique_ptr<int> value = co_await std::move(future);
  EXPECT_EQ(*value, 7);
}

ASYNC_TEST(Future, an_rvalue_await_moves_the_value_after_a_wait_too) {
  Future<std::unique_ptr<int>> future;
  detail::FutureState<std::unique_ptr<int>>& state = future.state();
  get_running_loop().call_soon([&state] { state.succeed(std::make_unique<int>(7)); });
  const std::unique_ptr<int> value = co_await std::move(future);
  EXPECT_EQ(*value, 7);
}

ASYNC_TEST(Future, a_value_that_cannot_be_copied_is_not_to_be_had_through_one_of_two_handles) {
  Future<std::unique_ptr<int>> future;
  Future<std::unique_ptr<int>> other = future;
  future.set_result(std::make_unique<int>(7));
  bool refused = false;
  try {
    const auto value = co_await std::move(other);
  } catch (const RuntimeError&) {
    refused = true;
  }
  EXPECT_TRUE(refused);
  const auto& value = co_await future;
  EXPECT_EQ(*value, 7);
}

ASYNC_TEST(Future, an_exception_stays_after_an_rvalue_await) {
  Future<int> future;
  future.set_exception(std::runtime_error("oops"));
  int caught = 0;
  for (int i = 0; i < 2; ++i) {
    try {
      co_await std::move(future);
    } catch (const std::runtime_error&) {
      ++caught;
    }
  }
  EXPECT_EQ(caught, 2);
  EXPECT_NE(future.exception(), nullptr);
}

TEST(Future, a_callback_of_one_that_outlives_its_loop_is_not_called) {
  std::optional<Future<int>> future;
  auto held = std::make_shared<int>(1);
  {
    EventLoop loop;
    future = loop.create_future<int>();
    future->add_done_callback([held](const Future<int>&) { FAIL(); });
  }
  EXPECT_EQ(held.use_count(), 1);
  future->add_done_callback([held](const Future<int>&) { FAIL(); });
  future->set_result(1);
  future->add_done_callback([held](const Future<int>&) { FAIL(); });
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_EQ(future->result(), 1);
}

ASYNC_TEST(Future, an_exception_that_is_none_is_refused) {
  Future<> future;
  std::string said;
  try {
    future.set_exception(std::exception_ptr());
  } catch (const ValueError& error) {
    said = error.what();
  }
  EXPECT_EQ(said, "Future.set_exception: the exception is null; give set_result() a value");
  EXPECT_FALSE(future.done());
  co_return;
}

TEST(Future, needs_a_loop_to_be_made) { EXPECT_THROW(Future<int>(), RuntimeError); }

ASYNC_TEST(Future, carries_references_and_nothing) {
  int target = 1;
  Future<int&> reference;
  reference.set_result(target);
  EXPECT_EQ(&co_await reference, &target);
  Future<> nothing;
  nothing.set_result();
  co_await nothing;
  EXPECT_EQ(nothing.exception(), nullptr);
}

}  // namespace
