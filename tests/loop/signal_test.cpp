// SPDX-License-Identifier: MIT
#include <signal.h>

#include <asyncio/context.h>
#include <asyncio/event_loop.h>
#include <asyncio/executor.h>
#include <asyncio/testing.h>

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <stdexcept>
#include <thread>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

bool has_default_disposition(int signal) {
  struct sigaction action{};
  ::sigaction(signal, nullptr, &action);
  return action.sa_handler == SIG_DFL;
}

// BH-SIG-01
ASYNC_TEST(SignalHandler, runs_as_a_callback_of_the_loop) {
  EventLoop& loop = get_running_loop();
  std::string log;
  loop.add_signal_handler(SIGUSR1, [&] {
    log += "signal ";
    create_task([](std::string& text) -> Coro<> {
      text += "task";
      co_return;
    }(log));
  });
  ::raise(SIGUSR1);
  EXPECT_EQ(log, "");  // not inside of the system's handler
  co_await settle();
  EXPECT_EQ(log, "signal task");
}

// BH-SIG-01
ASYNC_TEST(SignalHandler, a_signal_wakes_a_loop_that_waits) {
  EventLoop& loop = get_running_loop();
  Future<> came;
  loop.add_signal_handler(SIGUSR1, [came] { came.set_result(); });
  co_await to_thread([] { ::kill(::getpid(), SIGUSR1); });
  co_await came;
}

// BH-SIG-01
ASYNC_TEST(SignalHandler, a_burst_is_one_call) {
  int calls = 0;
  get_running_loop().add_signal_handler(SIGUSR1, [&] { ++calls; });
  for (int i = 0; i < 5; ++i) ::raise(SIGUSR1);
  co_await settle();
  EXPECT_EQ(calls, 1);
  ::raise(SIGUSR1);
  co_await settle();
  EXPECT_EQ(calls, 2);
}

// BH-SIG-01
ASYNC_TEST(SignalHandler, can_be_added_in_the_main_thread_only) {
  EventLoop& loop = get_running_loop();
  EXPECT_THROW(co_await to_thread([&loop] { loop.add_signal_handler(SIGUSR1, [] {}); }), RuntimeError);
  EXPECT_TRUE(has_default_disposition(SIGUSR1));
  EXPECT_FALSE(loop.remove_signal_handler(SIGUSR1));
}

ASYNC_TEST(SignalHandler, gets_the_same_arguments_each_time) {
  std::string log;
  auto append = [&log](const std::string& text, std::string copy) { log += text + std::move(copy); };
  get_running_loop().add_signal_handler(SIGUSR1, append, std::string("a"), std::string("b"));
  for (int i = 0; i < 2; ++i) {
    ::raise(SIGUSR1);
    co_await settle();
  }
  EXPECT_EQ(log, "abab");
}

ASYNC_TEST(SignalHandler, runs_in_the_context_in_which_it_was_added) {
  static ContextVar<int> number("number", 0);
  EventLoop& loop = get_running_loop();
  int seen = 0;
  number.set(1);
  loop.add_signal_handler(SIGUSR1, [&seen] { seen = number.get(); });
  number.set(2);
  ::raise(SIGUSR1);
  co_await settle();
  EXPECT_EQ(seen, 1);
}

ASYNC_TEST(SignalHandler, an_exception_is_reported) {
  get_running_loop().add_signal_handler(SIGUSR1, [] { throw std::runtime_error("not today"); });
  ::raise(SIGUSR1);
  co_await settle();
  EXPECT_EQ(take_reports(), std::vector<std::string>{"Exception in a signal handler: not today"});
}

// BH-SIG-02
ASYNC_TEST(SignalHandler, a_second_one_replaces_the_first) {
  EventLoop& loop = get_running_loop();
  std::string log;
  loop.add_signal_handler(SIGUSR1, [&] { log += 'a'; });
  loop.add_signal_handler(SIGUSR1, [&] { log += 'b'; });
  ::raise(SIGUSR1);
  co_await settle();
  EXPECT_EQ(log, "b");
}

// BH-SIG-02
ASYNC_TEST(SignalHandler, removing_it_restores_the_default_disposition) {
  EventLoop& loop = get_running_loop();
  EXPECT_FALSE(loop.remove_signal_handler(SIGUSR1));
  loop.add_signal_handler(SIGUSR1, [] {});
  EXPECT_FALSE(has_default_disposition(SIGUSR1));
  EXPECT_TRUE(loop.remove_signal_handler(SIGUSR1));
  EXPECT_TRUE(has_default_disposition(SIGUSR1));
  EXPECT_FALSE(loop.remove_signal_handler(SIGUSR1));
  co_return;
}

ASYNC_TEST(SignalHandler, once_removed_is_not_called_even_for_a_signal_that_has_come) {
  EventLoop& loop = get_running_loop();
  bool called = false;
  loop.add_signal_handler(SIGUSR1, [&] { called = true; });
  ::raise(SIGUSR1);
  EXPECT_TRUE(loop.remove_signal_handler(SIGUSR1));
  loop.add_signal_handler(SIGUSR1, [] {});  // nor does its signal count for the next
  co_await settle();
  EXPECT_FALSE(called);
}

ASYNC_TEST(SignalHandler, may_remove_itself) {
  EventLoop& loop = get_running_loop();
  int calls = 0;
  auto owned = std::make_shared<int>(0);
  loop.add_signal_handler(SIGUSR1, [&loop, &calls, owned] {
    EXPECT_TRUE(loop.remove_signal_handler(SIGUSR1));
    ++calls;
  });
  ::raise(SIGUSR1);
  co_await settle();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(owned.use_count(), 1);
}

// BH-LOOP-18, BH-SIG-02
TEST(SignalHandler, the_close_of_the_loop_removes_all) {
  EventLoop loop;
  loop.add_signal_handler(SIGUSR1, [] {});
  loop.add_signal_handler(SIGUSR2, [] {});
  loop.close();
  EXPECT_TRUE(has_default_disposition(SIGUSR1));
  EXPECT_TRUE(has_default_disposition(SIGUSR2));
  EXPECT_THROW(loop.add_signal_handler(SIGUSR1, [] {}), RuntimeError);
  EXPECT_FALSE(loop.remove_signal_handler(SIGUSR1));
}

TEST(SignalHandler, the_loop_that_asked_last_has_the_signal) {
  EventLoop first;
  EventLoop second;
  std::string log;
  first.add_signal_handler(SIGUSR1, [&] { log += '1'; });
  second.add_signal_handler(SIGUSR1, [&] { log += '2'; });
  ::raise(SIGUSR1);
  first.run_until_complete(until_idle());
  second.run_until_complete(until_idle());
  EXPECT_EQ(log, "2");
  first.close();
  EXPECT_FALSE(has_default_disposition(SIGUSR1));
}

// BH-SIG-03
ASYNC_TEST(SignalHandler, refuses_what_is_no_signal_and_what_cannot_be_caught) {
  EventLoop& loop = get_running_loop();
  EXPECT_THROW(loop.add_signal_handler(0, [] {}), ValueError);
  EXPECT_THROW(loop.add_signal_handler(-1, [] {}), ValueError);
  EXPECT_THROW(loop.add_signal_handler(1000, [] {}), ValueError);
  EXPECT_THROW(loop.remove_signal_handler(1000), ValueError);
  EXPECT_THROW(loop.add_signal_handler(SIGKILL, [] {}), RuntimeError);
  EXPECT_THROW(loop.add_signal_handler(SIGSTOP, [] {}), RuntimeError);
  EXPECT_FALSE(loop.remove_signal_handler(SIGKILL));
  co_return;
}

// BH-SIG-04
ASYNC_TEST(SignalHandler, does_not_interrupt_system_calls) {
  EventLoop& loop = get_running_loop();
  int calls = 0;
  loop.add_signal_handler(SIGUSR1, [&] { ++calls; });
  int ends[2];
  require(::pipe(ends) == 0);
  std::atomic<pthread_t> reader{};
  std::atomic<bool> reading = false;
  auto read = [&] {
    reader = ::pthread_self();
    reading = true;
    reading.notify_one();
    char byte = 0;
    return ::read(ends[0], &byte, 1);
  };
  Future<ssize_t> count = loop.run_in_executor(nullptr, std::ref(read));
  reading.wait(false);
  for (int i = 0; i < 100; ++i) {
    ::pthread_kill(reader, SIGUSR1);
    co_await settle();
  }
  EXPECT_EQ(::write(ends[1], "x", 1), 1);
  EXPECT_EQ(co_await count, 1);
  EXPECT_GE(calls, 1);
  ::close(ends[0]);
  ::close(ends[1]);
}

// BH-SIG-04
ASYNC_TEST(SignalHandler, loses_no_signal_that_comes_between_two_waits) {
  EventLoop& loop = get_running_loop();
  Future<> came;
  loop.add_signal_handler(SIGUSR1, [&came] { came.set_result(); });
  for (int i = 0; i < 1000; ++i) {
    Future<> sent = loop.run_in_executor(nullptr, [] { ::kill(::getpid(), SIGUSR1); });
    co_await came;
    co_await sent;
    came = Future<>();
  }
}

}  // namespace
