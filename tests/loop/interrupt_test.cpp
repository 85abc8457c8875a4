// SPDX-License-Identifier: MIT
#include <asyncio/executor.h>
#include <asyncio/foreign.h>
#include <asyncio/run.h>
#include <asyncio/testing.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <coroutine>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <latch>
#include <stdexcept>
#include <thread>

// Ctrl-C is a raise(SIGINT) here: on the main thread, where GoogleTest runs its tests, or in a child that dies of it.

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {
bool is_child = false;
}

// For a leak sanitizer, which takes what belongs to the parent's other threads for lost in a child that exits.
extern "C" int __lsan_is_turned_off() { return is_child ? 1 : 0; }

namespace {

void press_ctrl_c() { ::raise(SIGINT); }

bool interrupts_are_default() {
  struct sigaction action{};
  ::sigaction(SIGINT, nullptr, &action);
  return action.sa_handler == SIG_DFL;
}

// Runs f in a child, and gives what waitpid() says of its end.
template <class F>
int status_of_child(F f) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    is_child = true;
    f();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

Coro<> interrupted(std::string& log) {
  press_ctrl_c();
  try {
    co_await sleep(1h);
    log += "slept ";
  } catch (const CancelledError&) {
    log += "cancelled ";
  }
  co_await sleep(0s);  // cleaning up may wait
  log += "cleaned ";
  throw CancelledError();
}

// BH-RUN-09
TEST(Interrupt, the_first_cancels_the_main_task_and_is_thrown_when_that_has_ended) {
  std::string log;
  EXPECT_THROW(run(interrupted, std::ref(log)), KeyboardInterrupt);
  EXPECT_EQ(log, "cancelled cleaned ");
  EXPECT_TRUE(interrupts_are_default());
}

// What its cancel runs is the program's own code, in the middle of what tells of the signals.
TEST(Interrupt, the_code_that_a_cancel_runs_may_put_handlers_in_the_place_of_ctrl_c_and_remove_them) {
  struct Operation {
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> given) { handle = given; }
    void await_resume() const {}
    std::coroutine_handle<> handle;
  };
  std::string log;
  const auto main = [&log]() -> Coro<> {
    EventLoop& loop = get_running_loop();
    Operation operation;
    loop.add_signal_handler(SIGUSR1, [&log, &operation] {
      log += "other ";
      operation.handle.resume();
    });
    loop.call_soon([] {
      press_ctrl_c();
      ::raise(SIGUSR1);
    });
    const auto replace = [&] {
      loop.add_signal_handler(SIGINT, [&log] { log += "never "; });
      loop.remove_signal_handler(SIGINT);
      log += "cancel ";
    };
    co_await from_foreign(operation, replace);
    loop.remove_signal_handler(SIGUSR1);
    co_await sleep(0s);
  };
  EXPECT_THROW(run(main), KeyboardInterrupt);
  EXPECT_EQ(log, "cancel other ");
  EXPECT_TRUE(interrupts_are_default());
}

// BH-RUN-09
TEST(Interrupt, a_value_that_the_main_task_gives_all_the_same_is_the_result) {
  auto stubborn = []() -> Coro<int> {
    press_ctrl_c();
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
    }
    co_return 5;
  };
  EXPECT_EQ(run(stubborn), 5);
}

// BH-RUN-09
TEST(Interrupt, one_that_comes_as_the_main_task_ends_changes_nothing) {
  auto quick = []() -> Coro<int> {
    press_ctrl_c();
    co_return 5;
  };
  EXPECT_EQ(run(quick), 5);
}

TEST(Interrupt, an_exception_of_the_main_task_is_thrown_as_it_is) {
  auto failing = []() -> Coro<> {
    press_ctrl_c();
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
    }
    throw std::runtime_error("no");
  };
  EXPECT_THROW(run(failing), std::runtime_error);
}

// BH-RUN-10
TEST(Interrupt, the_second_leaves_the_loop_where_it_next_looks) {
  std::string log;
  auto body = [&]() -> Coro<> {
    try {
      press_ctrl_c();
      co_await sleep(1h);
    } catch (const CancelledError&) {
      log += "cancelled ";
    }
    press_ctrl_c();
    co_await sleep(1h);
    log += "slept ";
  };
  auto next = []() -> Coro<int> { co_return 5; };
  Runner runner;
  EXPECT_THROW(runner.run(body()), KeyboardInterrupt);
  EXPECT_EQ(log, "cancelled ");
  EXPECT_TRUE(interrupts_are_default());
  EXPECT_EQ(runner.run(next()), 5);  // the loop was left in good order
}

// BH-RUN-10
TEST(Interrupt, two_that_come_together_are_a_first_and_a_second) {
  auto body = []() -> Coro<int> {
    press_ctrl_c();
    press_ctrl_c();
    co_return 5;
  };
  EXPECT_THROW(run(body), KeyboardInterrupt);
}

TEST(Interrupt, a_second_that_has_to_wait_for_a_thread_says_so) {
  std::latch inside(1);
  std::latch release(1);
  const auto call_a_thread = [&]() -> Coro<> {
    co_await to_thread([&] {
      inside.count_down();
      release.wait();
    });
  };
  const auto press_twice = [&]() -> Coro<> {
    inside.wait();
    press_ctrl_c();
    co_await sleep(0s);
    press_ctrl_c();
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
      release.count_down();  // in the shutdown, which waits for the thread
      throw;
    }
  };
  const auto body = [&]() -> Coro<> {
    const Task<> presses = create_task(press_twice());
    co_await call_a_thread();
    co_await presses;
  };
  ::testing::internal::CaptureStderr();
  EXPECT_THROW(run(body), KeyboardInterrupt);
  EXPECT_EQ(
      ::testing::internal::GetCapturedStderr(),
      "asyncio: interrupted, and waiting for 1 call in threads (to_thread(), run_in_executor()); Ctrl-C once more "
      "ends the program at once\n");
}

TEST(Interrupt, one_whose_threads_have_ended_says_nothing) {
  const auto body = []() -> Coro<> {
    co_await to_thread([] {});
    co_await get_running_loop().shutdown_default_executor();
    press_ctrl_c();
    co_await sleep(1h);
  };
  ::testing::internal::CaptureStderr();
  EXPECT_THROW(run(body), KeyboardInterrupt);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(Interrupt, the_third_ends_a_program_whose_loop_is_stuck) {
  const int status = status_of_child([] {
    run([]() -> Coro<> {
      ::alarm(30);  // would end this, too
      for (;;) press_ctrl_c();
      co_return;
    });
  });
  ASSERT_TRUE(WIFSIGNALED(status)) << status;
  EXPECT_EQ(WTERMSIG(status), SIGINT);
}

// BH-RUN-11
TEST(Interrupt, is_a_plain_cancel_where_somebody_else_cancelled_the_main_task_too) {
  auto body = []() -> Coro<> {
    press_ctrl_c();
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
    }
    current_task().cancel();
    co_await sleep(1h);
  };
  EXPECT_THROW(run(body), CancelledError);
}

// BH-RUN-12
TEST(Interrupt, is_handled_while_the_main_task_runs_and_only_then) {
  Runner runner;
  runner.get_loop();
  EXPECT_TRUE(interrupts_are_default());
  auto body = []() -> Coro<bool> { co_return interrupts_are_default(); };
  EXPECT_FALSE(runner.run(body()));
  EXPECT_TRUE(interrupts_are_default());
}

// BH-RUN-12
TEST(Interrupt, is_not_handled_in_another_thread) {
  bool inside = false;
  std::thread([&] {
    auto body = []() -> Coro<bool> { co_return interrupts_are_default(); };
    inside = run(body);
  }).join();
  EXPECT_TRUE(inside);
}

// BH-RUN-12
TEST(Interrupt, stays_ignored_where_it_is_ignored) {
  ::signal(SIGINT, SIG_IGN);
  auto body = []() -> Coro<int> {
    press_ctrl_c();
    co_await sleep(0s);
    co_return 5;
  };
  EXPECT_EQ(run(body), 5);
  struct sigaction after{};
  ::sigaction(SIGINT, nullptr, &after);
  EXPECT_EQ(after.sa_handler, SIG_IGN);
  ::signal(SIGINT, SIG_DFL);
}

// BH-RUN-12
TEST(Interrupt, leaves_a_handler_alone_that_the_program_installs_meanwhile) {
  static volatile sig_atomic_t own = 0;
  auto body = []() -> Coro<> {
    ::signal(SIGINT, [](int) { own = 1; });
    co_return;
  };
  run(body);
  press_ctrl_c();
  EXPECT_EQ(own, 1);
  ::signal(SIGINT, SIG_DFL);
}

// BH-RUN-12
TEST(Interrupt, goes_to_the_handler_that_the_main_task_has_added) {
  std::string log;
  auto body = [&]() -> Coro<int> {
    get_running_loop().add_signal_handler(SIGINT, [&] { log += "own "; });
    press_ctrl_c();
    co_await settle();
    co_return 5;
  };
  EXPECT_EQ(run(body), 5);
  EXPECT_EQ(log, "own ");
  EXPECT_TRUE(interrupts_are_default());  // the loop has closed
}

// BH-RUN-08
TEST(RunnerClose, cancels_the_tasks_before_it_waits_for_the_default_executor) {
  std::string log;
  auto gate = std::make_shared<std::latch>(1);
  auto background = [&]() -> Coro<> {
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
      log += "task ";
      gate->count_down();
      throw;
    }
  };
  auto body = [&]() -> Coro<> {
    create_task(background());
    get_running_loop().run_in_executor(nullptr, [&log, gate] {
      gate->wait();
      log += "job ";
    });
    co_await sleep(0s);
  };
  Runner runner;
  runner.run(body());
  EventLoop& loop = runner.get_loop();
  EXPECT_EQ(log, "");
  runner.close();
  EXPECT_EQ(log, "task job ");
  EXPECT_TRUE(loop.is_closed());
}

// BH-RUN-08
TEST(RunnerClose, closes_the_loop_even_where_a_step_throws) {
  auto background = []() -> Coro<> {
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
    }
    throw SystemExit(3);
  };
  auto body = [&]() -> Coro<> {
    create_task(background());
    co_await sleep(0s);
  };
  Runner runner;
  runner.run(body());
  EventLoop& loop = runner.get_loop();
  loop.set_exception_handler([](EventLoop&, const ExceptionContext&) {});  // hears of what the close interrupts
  EXPECT_THROW(runner.close(), SystemExit);
  EXPECT_TRUE(loop.is_closed());
}

void write_note() { std::fputs("note", stderr); }

// What the child writes to standard error, and how it ends. Its main thread is one that nobody catches exceptions in.
struct End {
  int status;
  std::string text;
};
template <class F>
End end_of_child(F f) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  End end;
  std::thread([&] {
    end.status = status_of_child([&] {
      ::dup2(ends[1], STDERR_FILENO);
      std::atexit(write_note);
      f();
    });
  }).join();
  ::close(ends[1]);
  char buffer[4096];
  for (ssize_t size; (size = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
    end.text.append(buffer, static_cast<std::size_t>(size));
  }
  ::close(ends[0]);
  return end;
}

TEST(UncaughtException, a_keyboard_interrupt_ends_the_program_in_order_and_by_the_signal) {
  const End end = end_of_child([] {
    run([]() -> Coro<> {
      press_ctrl_c();
      co_await sleep(1h);
    });
  });
  ASSERT_TRUE(WIFSIGNALED(end.status)) << end.status;
  EXPECT_EQ(WTERMSIG(end.status), SIGINT);
  EXPECT_FALSE(WCOREDUMP(end.status));
  EXPECT_EQ(end.text, "note");
}

TEST(UncaughtException, a_system_exit_ends_the_program_in_order_with_its_code) {
  const End end = end_of_child([] {
    run([]() -> Coro<> {
      co_await sleep(0s);
      throw SystemExit(7);
    });
  });
  ASSERT_TRUE(WIFEXITED(end.status)) << end.status;
  EXPECT_EQ(WEXITSTATUS(end.status), 7);
  EXPECT_EQ(end.text, "note");
}

TEST(UncaughtException, any_other_is_named_before_the_program_is_terminated) {
  const End end = end_of_child([] {
    ::signal(SIGABRT, [](int) { ::_exit(9); });  // no core dump
    run([]() -> Coro<> {
      co_await sleep(0s);
      throw std::domain_error("no such thing");
    });
  });
  ASSERT_TRUE(WIFEXITED(end.status)) << end.status;
  EXPECT_EQ(WEXITSTATUS(end.status), 9);
  EXPECT_NE(end.text.find("asyncio: uncaught exception: std::domain_error: no such thing\n"), std::string::npos)
      << end.text;
}

}  // namespace
