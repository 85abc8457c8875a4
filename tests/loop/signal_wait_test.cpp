// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>
#include <asyncio/signal.h>
#include <asyncio/testing.h>

#include <csignal>
#include <memory>
#include <thread>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

void send(int signal) { require_eq(std::raise(signal), 0); }

using Disposition = void (*)(int);

Disposition disposition(int signal) {
  struct sigaction action{};
  ::sigaction(signal, nullptr, &action);
  return action.sa_handler;
}

// Waits for it, and tells which one came.
Coro<> await_into(int& come, detail::WaitSignal wait) { come = co_await std::move(wait); }

ASYNC_TEST(WaitSignal, gives_the_signal_that_came) {
  for (const int signal : {SIGUSR2, SIGUSR1}) {
    auto task = create_task(wait_signal(SIGUSR1, SIGUSR2));
    co_await settle();
    send(signal);
    EXPECT_EQ(co_await task, signal);
  }
}

ASYNC_TEST(WaitSignal, leaves_the_disposition_as_it_was) {
  for (const Disposition before : {SIG_DFL, SIG_IGN, Disposition([](int) {})}) {
    std::signal(SIGUSR1, before);
    auto task = create_task(wait_signal(SIGUSR1));
    co_await settle();
    EXPECT_NE(disposition(SIGUSR1), before);
    send(SIGUSR1);
    co_await task;
    EXPECT_EQ(disposition(SIGUSR1), before);

    auto cancelled = create_task(wait_signal(SIGUSR1));
    co_await settle();
    cancelled.cancel();
    co_await settle();
    EXPECT_TRUE(cancelled.cancelled());
    EXPECT_EQ(disposition(SIGUSR1), before);
  }
  std::signal(SIGUSR1, SIG_DFL);
}

ASYNC_TEST(WaitSignal, is_an_awaitable_like_any_other) {
  co_await require_throws<TimeoutError>(wait_for(wait_signal(SIGUSR1), 1h));
  EXPECT_EQ(disposition(SIGUSR1), SIG_DFL);
  get_running_loop().call_later(1s, send, SIGUSR1);
  const auto first = co_await race(wait_signal(SIGUSR1), sleep(1h));
  EXPECT_EQ(std::get<0>(first), SIGUSR1);
  EXPECT_EQ(disposition(SIGUSR1), SIG_DFL);
}

ASYNC_TEST(WaitSignal, all_that_wait_are_told_and_those_that_wait_for_another_are_not) {
  int one = 0;
  int two = 0;
  int three = 0;
  auto first = create_task(await_into(one, wait_signal(SIGUSR1)));
  auto second = create_task(await_into(two, wait_signal(SIGUSR1, SIGUSR2)));
  auto third = create_task(await_into(three, wait_signal(SIGUSR2)));
  co_await settle();
  send(SIGUSR1);
  co_await settle();
  EXPECT_EQ(one, SIGUSR1);
  EXPECT_EQ(two, SIGUSR1);
  EXPECT_EQ(three, 0);
  EXPECT_EQ(disposition(SIGUSR1), SIG_DFL);
  send(SIGUSR2);
  co_await settle();
  EXPECT_EQ(three, SIGUSR2);
}

ASYNC_TEST(WaitSignal, a_handler_is_called_as_well_and_stays) {
  EventLoop& loop = get_running_loop();
  int calls = 0;
  loop.add_signal_handler(SIGUSR1, [&calls] { ++calls; });
  auto task = create_task(wait_signal(SIGUSR1));
  co_await settle();
  send(SIGUSR1);
  EXPECT_EQ(co_await task, SIGUSR1);
  co_await settle();
  EXPECT_EQ(calls, 1);
  send(SIGUSR1);
  co_await settle();
  EXPECT_EQ(calls, 2);
  EXPECT_TRUE(loop.remove_signal_handler(SIGUSR1));
  EXPECT_EQ(disposition(SIGUSR1), SIG_DFL);
}

ASYNC_TEST(WaitSignal, a_handler_may_come_and_go_while_it_waits) {
  EventLoop& loop = get_running_loop();
  auto task = create_task(wait_signal(SIGUSR1));
  co_await settle();
  EXPECT_FALSE(loop.remove_signal_handler(SIGUSR1));
  loop.add_signal_handler(SIGUSR1, [] {});
  EXPECT_TRUE(loop.remove_signal_handler(SIGUSR1));
  send(SIGUSR1);
  EXPECT_EQ(co_await task, SIGUSR1);
  EXPECT_EQ(disposition(SIGUSR1), SIG_DFL);
}

ASYNC_TEST(WaitSignal, a_signal_that_came_wins_over_a_cancel_that_comes_later) {
  int come = 0;
  auto task = create_task(await_into(come, wait_signal(SIGUSR1)));
  co_await settle();
  send(SIGUSR1);
  get_running_loop().call_soon([&task] { task.cancel(); });
  co_await settle();
  EXPECT_TRUE(task.done());
  EXPECT_EQ(come, task.cancelled() ? 0 : SIGUSR1);
}

ASYNC_TEST(WaitSignal, refuses_what_is_no_signal_and_what_cannot_be_caught) {
  EXPECT_THROW(static_cast<void>(wait_signal(0)), ValueError);
  EXPECT_THROW(static_cast<void>(wait_signal(SIGUSR1, 65)), ValueError);
  EXPECT_THROW(static_cast<void>(signals(-1)), ValueError);
  co_await require_throws<RuntimeError>(wait_signal(SIGUSR1, SIGKILL));
  EXPECT_EQ(disposition(SIGUSR1), SIG_DFL);
  EXPECT_THROW(static_cast<void>(signals(SIGSTOP, SIGUSR1)), RuntimeError);
  EXPECT_EQ(disposition(SIGUSR1), SIG_DFL);
}

TEST(WaitSignal, is_for_the_main_thread) {
  bool refused = false;
  std::thread([&refused] {
    run([&refused]() -> Coro<> {
      try {
        co_await wait_signal(SIGUSR1);
      } catch (const RuntimeError&) {
        refused = true;
      }
    });
  }).join();
  EXPECT_TRUE(refused);
  EXPECT_EQ(disposition(SIGUSR1), SIG_DFL);
  EXPECT_THROW(static_cast<void>(signals(SIGUSR1)), RuntimeError);  // no loop runs
}

// --- Ctrl-C

Coro<> wait_for_interrupts(int& caught) {
  auto wait = create_task(wait_signal(SIGINT, SIGTERM));
  co_await settle();
  send(SIGINT);
  caught = co_await wait;
  send(SIGINT);  // as before: it cancels the main task
  co_await sleep(1h);
}

TEST(WaitSignal, ctrl_c_is_its_own_while_it_waits_and_cancels_the_main_task_again_afterwards) {
  const Disposition previous = std::signal(SIGINT, SIG_DFL);
  int caught = 0;
  EXPECT_THROW(run(wait_for_interrupts(caught)), KeyboardInterrupt);
  EXPECT_EQ(caught, SIGINT);
  EXPECT_EQ(disposition(SIGINT), SIG_DFL);
  std::signal(SIGINT, previous);
}

TEST(WaitSignal, a_wait_that_is_longer_than_the_main_task_leaves_ctrl_c_as_it_was) {
  const Disposition previous = std::signal(SIGINT, SIG_DFL);
  run([]() -> Coro<> {
    create_task(wait_signal(SIGINT));
    co_await settle();
  });
  EXPECT_EQ(disposition(SIGINT), SIG_DFL);
  std::signal(SIGINT, previous);
}

// --- signals()

ASYNC_TEST(Signals, keeps_what_comes_while_nobody_waits) {
  auto stream = signals(SIGUSR1, SIGUSR2);
  send(SIGUSR2);
  send(SIGUSR1);
  co_await settle();
  EXPECT_EQ(co_await stream.next(), SIGUSR1);
  EXPECT_EQ(co_await stream.next(), SIGUSR2);
  auto next = create_task(stream.next());
  co_await settle();
  EXPECT_FALSE(next.done());
  send(SIGUSR1);
  EXPECT_EQ(co_await next, SIGUSR1);
}

ASYNC_TEST(Signals, listens_as_long_as_it_is_there) {
  {
    auto stream = signals(SIGUSR1);
    EXPECT_NE(disposition(SIGUSR1), SIG_DFL);
    auto other = signals(SIGUSR1);
    send(SIGUSR1);
    EXPECT_EQ(co_await stream.next(), SIGUSR1);
    EXPECT_EQ(co_await other.next(), SIGUSR1);
  }
  EXPECT_EQ(disposition(SIGUSR1), SIG_DFL);
}

ASYNC_TEST(Signals, those_who_wait_get_one_each_in_their_order_and_a_cancelled_one_none) {
  auto stream = signals(SIGUSR1, SIGUSR2);
  auto first = create_task(stream.next());
  auto second = create_task(stream.next());
  auto third = create_task(stream.next());
  co_await settle();
  first.cancel();
  co_await settle();
  send(SIGUSR2);
  co_await settle();
  EXPECT_TRUE(first.cancelled());
  EXPECT_EQ(co_await second, SIGUSR2);
  EXPECT_FALSE(third.done());
  send(SIGUSR1);
  EXPECT_EQ(co_await third, SIGUSR1);
}

TEST(Signals, that_stay_longer_than_the_loop_say_so) {
  std::unique_ptr<SignalStream> stream;
  run([&stream]() -> Coro<> {
    stream.reset(new SignalStream(signals(SIGUSR1)));
    co_return;
  });
  EXPECT_EQ(disposition(SIGUSR1), SIG_DFL);
  const auto wait = [&stream]() -> Coro<> { co_await require_throws<RuntimeError>(stream->next()); };
  run(wait);
}

}  // namespace
