// SPDX-License-Identifier: MIT
// fork() in a program whose loops run: what the child may do, and what it is told where it may not.
#include <asyncio/asyncio.h>
#include <asyncio/testing.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using namespace asyncio;
using namespace std::chrono_literals;

namespace {

// Waits for a child, and says how it ended: "exit 0", "signal 11".
std::string end_of(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                             : "exit " + std::to_string(WEXITSTATUS(status));
}

// A child that hangs ends by SIGALRM.
pid_t fork_with_limit() {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) ::alarm(30);
  return child;
}

// In the child: ends it, with 0 if f() threw the RuntimeError that tells whose loop it is.
template <class F>
void expect_refusal(F f) {
  try {
    f();
  } catch (const RuntimeError& error) {
    if (std::string(error.what()).find("is the parent's") != std::string::npos) return;
    std::fprintf(stderr, "told: %s\n", error.what());
    ::_exit(2);
  } catch (...) {
    ::_exit(3);
  }
  ::_exit(1);
}

// The same for what is awaited.
template <class F>
Coro<> expect_refused_wait(F f) {
  std::exception_ptr error;
  try {
    co_await f();
  } catch (...) {
    error = std::current_exception();
  }
  expect_refusal([&] {
    if (error != nullptr) std::rethrow_exception(error);
  });
}

Coro<int> forty_two() {
  co_await sleep(1ms);
  co_return 42;
}

// What can be waited for, by a task that was there before the fork().
struct Waits {
  Event event;
  Lock lock;
  Queue<int> queue;
  Future<> future;
  Task<> other = create_task(sleep(1h));
  std::vector<std::function<Coro<>()>> all{
      [] { return detail::as_coro(sleep(1h)); },
      [] { return detail::as_coro(sleep(0s)); },
      [] { return detail::as_coro(until_idle()); },
      [this] { return detail::as_coro(event.wait()); },
      [this]() -> Coro<> { co_await lock.acquire(); },
      [this]() -> Coro<> { co_await queue.get(); },
      [this]() -> Coro<> { co_await future; },
      [this]() -> Coro<> { co_await other; },
      [this]() -> Coro<> { co_await wait_for(future, 1h); },
      [this]() -> Coro<> { co_await gather(other, future); },
      [this]() -> Coro<> { co_await shield(other); },
      [this]() -> Coro<> { co_await wait(std::vector(1, other), {.timeout = 1h}); },
      []() -> Coro<> { co_await to_thread([] {}); },
      []() -> Coro<> { co_await create_task(sleep(1h)); },
      []() -> Coro<> { co_await with(timeout(1h), [](Timeout&) -> Coro<> { co_await sleep(1h); }); },
  };
};

TEST(Fork, whatever_the_task_waits_for_in_the_child_throws) {
  run([]() -> Coro<> {
    Waits waits;
    co_await waits.lock.acquire();
    co_await sleep(0s);
    const pid_t child = fork_with_limit();
    if (child == 0) {
      for (const auto& wait : waits.all) co_await expect_refused_wait(wait);
      ::_exit(0);
    }
    EXPECT_EQ(end_of(child), "exit 0");
    waits.other.cancel();
    waits.future.cancel();
  });
}

TEST(Fork, blocks_that_the_child_is_in_end_without_waiting) {
  run([]() -> Coro<> {
    pid_t child = -1;
    std::exception_ptr error;
    try {
      co_await with(TaskGroup(), [&](TaskGroup& group) -> Coro<> {
        group.create_task(sleep(1h));
        co_await with(timeout(1h), [&](Timeout&) -> Coro<> {
          co_await sleep(0s);
          child = fork_with_limit();
          if (child == 0) co_await sleep(1h);
          group.cancel();
        });
      });
    } catch (...) {
      error = std::current_exception();
    }
    if (child == 0) expect_refusal([&] { std::rethrow_exception(error); });
    if (child == 0) ::_exit(0);
    EXPECT_EQ(end_of(child), "exit 0");
    EXPECT_EQ(error, nullptr);
  });
}

TEST(Fork, the_parents_loop_refuses_what_the_child_asks_of_it) {
  run([]() -> Coro<> {
    EventLoop& loop = get_running_loop();
    EventLoop idle;
    const pid_t child = fork_with_limit();
    if (child == 0) {
      for (EventLoop* each : {&loop, &idle}) {
        expect_refusal([&] { each->call_soon([] {}); });
        expect_refusal([&] { each->call_later(1s, [] {}); });
        expect_refusal([&] { each->call_soon_threadsafe([] {}); });
        expect_refusal([&] { each->add_reader(0, [] {}); });
        expect_refusal([&] { each->add_signal_handler(SIGUSR1, [] {}); });
        expect_refusal([&] { each->create_task(forty_two()); });
        expect_refusal([&] { run_coroutine_threadsafe(*each, forty_two()); });
        expect_refusal([&] { each->run_in_executor(nullptr, [] {}); });
      }
      expect_refusal([] { get_running_loop(); });
      expect_refusal([] { create_task(sleep(1s)); });
      expect_refusal([&] { idle.run_forever(); });
      expect_refusal([&] { idle.run_until_complete(forty_two()); });
      ::_exit(0);
    }
    EXPECT_EQ(end_of(child), "exit 0");
    co_return;
  });
}

TEST(Fork, the_child_may_run_a_loop_within_the_task_and_the_task_goes_on) {
  run([]() -> Coro<> {
    const pid_t child = fork_with_limit();
    if (child == 0) {
      const bool own = run(forty_two()) == 42 && run(forty_two()) == 42;
      co_await expect_refused_wait([] { return detail::as_coro(sleep(1s)); });
      ::_exit(own ? 0 : 4);
    }
    EXPECT_EQ(end_of(child), "exit 0");
    EXPECT_EQ(co_await forty_two(), 42);
  });
}

TEST(Fork, the_child_that_returns_from_the_main_coroutine_returns_from_run) {
  const pid_t parent = ::getpid();
  bool destroyed = false;
  struct Sets {
    bool* flag;
    ~Sets() { *flag = true; }
  };
  const std::string end = run(
      [](bool& flag) -> Coro<std::string> {
        auto other = create_task([](bool& to) -> Coro<> {
          const Sets sets{&to};
          co_await sleep(1h);
        }(flag));
        co_await sleep(0s);
        const pid_t child = fork_with_limit();
        if (child == 0) co_return "child";
        co_return end_of(child);
      },
      std::ref(destroyed));
  if (::getpid() != parent) {
    // The other task is the parent's, where it is cancelled and cleans up.
    const bool right = end == "child" && !destroyed && run(forty_two()) == 42;
    ::_exit(right ? 0 : 4);
  }
  EXPECT_EQ(end, "exit 0");
  EXPECT_TRUE(destroyed);
}

TEST(Fork, an_exception_of_the_child_comes_out_of_run) {
  const pid_t parent = ::getpid();
  std::string caught;
  try {
    run(
        [](std::string& end) -> Coro<> {
          const pid_t child = fork_with_limit();
          if (child == 0) throw std::runtime_error("of the child");
          end = end_of(child);
          co_return;
        },
        std::ref(caught));
  } catch (const std::runtime_error& error) {
    caught = error.what();
  }
  if (::getpid() != parent) ::_exit(caught == "of the child" ? 0 : 4);
  EXPECT_EQ(caught, "exit 0");
}

TEST(Fork, an_exit_of_the_child_comes_out_of_run) {
  const pid_t parent = ::getpid();
  std::string end;
  try {
    run(
        [](std::string& to) -> Coro<> {
          auto task = create_task([](std::string& of_child) -> Coro<> {
            const pid_t child = fork_with_limit();
            if (child == 0) throw SystemExit(7);
            of_child = end_of(child);
            co_return;
          }(to));
          co_await task;
        },
        std::ref(end));
  } catch (const SystemExit& exit) {
    if (::getpid() != parent) ::_exit(exit.code());
  }
  EXPECT_EQ(end, "exit 7");
}

// Forks, and lets the child go back to the loop.
template <class Start>
void expect_left_loop(Start start) {
  const pid_t parent = ::getpid();
  EventLoop loop;
  pid_t child = 0;
  bool went_on = false;
  start(loop, [&] {
    child = fork_with_limit();
    if (child != 0) loop.call_later(1ms, [&] { loop.stop(); });
  });
  loop.call_soon([&] { went_on = true; });
  try {
    loop.run_forever();
  } catch (const RuntimeError& error) {
    const bool told = std::string(error.what()).find("is the parent's") != std::string::npos;
    if (::getpid() != parent) ::_exit(told && !went_on && run(forty_two()) == 42 ? 0 : 4);
    throw;
  }
  if (::getpid() != parent) ::_exit(5);
  EXPECT_EQ(end_of(child), "exit 0");
  EXPECT_TRUE(went_on);
}

TEST(Fork, a_child_that_returns_from_a_callback_leaves_the_loop_at_once) {
  expect_left_loop([](EventLoop& loop, auto fork) { loop.call_soon(fork); });
}
TEST(Fork, a_child_that_returns_from_a_task_leaves_the_loop_at_once) {
  expect_left_loop([](EventLoop& loop, auto fork) {
    loop.create_task([](auto f) -> Coro<> {
      f();
      co_return;
    }(fork));
  });
}
TEST(Fork, a_child_that_returns_from_a_callback_of_another_thread_leaves_the_loop_at_once) {
  const pid_t parent = ::getpid();
  EventLoop loop;
  pid_t child = -1;
  int calls = 0;
  std::thread([&] {
    loop.call_soon_threadsafe([&] { child = fork_with_limit(); });
    loop.call_soon_threadsafe([&] {
      ++calls;
      loop.stop();
    });
  }).join();
  try {
    loop.run_forever();
  } catch (const RuntimeError&) {
    ::_exit(::getpid() != parent && calls == 0 ? 0 : 4);
  }
  if (::getpid() != parent) ::_exit(5);
  EXPECT_EQ(end_of(child), "exit 0");
  EXPECT_EQ(calls, 1);
}

TEST(Fork, a_child_of_another_thread_may_run_a_loop) {
  run([]() -> Coro<> {
    EventLoop& loop = get_running_loop();
    const std::string end = co_await to_thread([&] {
      const pid_t child = fork_with_limit();
      if (child == 0) {
        expect_refusal([&] { loop.call_soon_threadsafe([] {}); });
        ::_exit(run(forty_two()) == 42 ? 0 : 4);
      }
      return end_of(child);
    });
    EXPECT_EQ(end, "exit 0");
  });
}

TEST(Fork, an_executor_of_the_parent_has_no_threads_in_the_child) {
  ThreadPoolExecutor pool(2);
  EXPECT_EQ(pool.submit([] { return 1; }).result(), 1);
  const pid_t child = fork_with_limit();
  if (child == 0) {
    try {
      ThreadPoolExecutor moved = std::move(pool);
      moved.shutdown();
      moved.submit([] {});
      ::_exit(1);
    } catch (const RuntimeError&) {
    }
    ThreadPoolExecutor own(1);
    ::_exit(own.submit([] { return 0; }).result());
  }
  EXPECT_EQ(end_of(child), "exit 0");
}

TEST(Fork, signals_do_in_the_child_what_they_do_by_default) {
  int signals = 0;
  run(
      [](int& count) -> Coro<> {
        get_running_loop().add_signal_handler(SIGUSR1, [&count] { ++count; });
        const pid_t child = fork_with_limit();
        if (child == 0) {
          ::raise(SIGUSR1);
          ::_exit(0);
        }
        EXPECT_EQ(end_of(child), "signal " + std::to_string(SIGUSR1));
        co_await sleep(1ms);
        EXPECT_EQ(count, 0);
        ::raise(SIGUSR1);
        co_await sleep(1ms);
        EXPECT_EQ(count, 1);
      },
      std::ref(signals));
}

TEST(Fork, a_child_does_not_wait_for_the_locks_of_threads_that_it_has_not) {
  // Threads make loops and send to them all the time, so that some lock is held at most moments.
  std::atomic<bool> stop = false;
  EventLoop target;
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        EventLoop loop({.backend = Backend::epoll});
        target.call_soon_threadsafe([] {}).cancel();
      }
    });
  }
  int hung = 0;
  for (int i = 0; i < 200 && hung == 0; ++i) {
    const pid_t child = fork_with_limit();
    if (child == 0) {
      EventLoop loop({.backend = Backend::epoll});
      loop.call_soon_threadsafe([] {});
      ::_exit(loop.run_until_complete(forty_two()) == 42 ? 0 : 1);
    }
    if (end_of(child) != "exit 0") ++hung;
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(hung, 0);
}

}  // namespace
