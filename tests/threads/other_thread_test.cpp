// SPDX-License-Identifier: MIT
// What debug mode says to calls of a thread that is not the loop's: each is refused before it has changed anything, so
// that the same call of the right thread has its whole effect afterwards.
#include <asyncio/asyncio.h>
#include <asyncio/lowlevel/watched_fd.h>
#include <asyncio/testing.h>

#include <unistd.h>

#include <csignal>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

// What another thread gets from the call: the text of its RuntimeError, or "went through".
std::string from_another_thread(const std::function<void()>& call) {
  std::string said = "went through";
  std::thread([&] {
    try {
      call();
    } catch (const RuntimeError& error) {
      said = error.what();
    }
  }).join();
  return said;
}

// Expects that `call` is refused in another thread, and that in this one it has the effect that `done` tells of, which
// was not there before.
Coro<> expect_refused(std::string operation, std::function<void()> call, std::function<bool()> done) {
  co_await settle();
  EXPECT_FALSE(done()) << operation;
  const std::string said = from_another_thread(call);
  EXPECT_NE(said.find(operation + " is not thread-safe"), std::string::npos) << said;
  co_await settle();
  EXPECT_FALSE(done()) << operation << " has changed something";
  call();
  co_await settle();
  EXPECT_TRUE(done()) << operation << " had no effect in the right thread";
}

void begin_debug_mode() { get_running_loop().set_debug(true); }

// BH-DBG-02
ASYNC_TEST(OtherThread, cannot_end_a_future) {
  begin_debug_mode();
  for (const bool awaited : {false, true}) {
    Future<int> value;
    Future<int> failure;
    Future<int> cancelled;
    std::vector<Task<>> waiters;
    for (const Future<int>& future : {value, failure, cancelled})
      if (awaited)
        waiters.push_back(create_task([](Future<int> f) -> Coro<> { co_await detail::Ended(f.state()); }(future)));
    co_await expect_refused(
        "Future.set_result", [&] { value.set_result(1); }, [&] { return value.done() && value.result() == 1; });
    co_await expect_refused(
        "Future.set_exception", [&] { failure.set_exception(std::runtime_error("x")); },
        [&] { return failure.done() && failure.exception() != nullptr; });
    co_await expect_refused("Future.cancel", [&] { cancelled.cancel(); }, [&] { return cancelled.cancelled(); });
    for (const Task<>& waiter : waiters) EXPECT_TRUE(waiter.done());
  }
}

// BH-DBG-02
ASYNC_TEST(OtherThread, cannot_add_or_remove_a_done_callback) {
  begin_debug_mode();
  Future<> future;
  int calls = 0;
  std::uint64_t token = 0;
  const auto call = [&calls](const auto&) { ++calls; };
  EXPECT_NE(from_another_thread([&] { token = future.add_done_callback(call); }), "went through");
  token = future.add_done_callback(call);
  EXPECT_NE(from_another_thread([&] { future.remove_done_callback(token); }), "went through");
  Task<> task = create_task([](Future<> f) -> Coro<> { co_await f; }(future));
  EXPECT_NE(from_another_thread([&] { task.add_done_callback(call); }), "went through");
  future.set_result();
  co_await task;
  co_await settle();
  EXPECT_EQ(calls, 1);
}

// BH-DBG-02
ASYNC_TEST(OtherThread, cannot_cancel_a_task_or_what_it_awaits) {
  begin_debug_mode();
  Task<> inner = create_task(sleep(1h));
  Task<> outer = create_task([](Task<> awaited) -> Coro<> { co_await awaited; }(inner));
  co_await expect_refused(
      "Task.cancel", [&] { outer.cancel("enough"); }, [&] { return outer.cancelled() && inner.cancelled(); });
  EXPECT_EQ(outer.cancelling(), 1);
  co_await expect_refused("Task.uncancel", [&] { outer.uncancel(); }, [&] { return outer.cancelling() == 0; });
  co_await expect_refused("Task.set_name", [&] { outer.set_name("new"); }, [&] { return outer.name() == "new"; });
}

// BH-DBG-02
ASYNC_TEST(OtherThread, cannot_cancel_a_gather) {
  begin_debug_mode();
  Task<> first = create_task(sleep(1h));
  Task<> second = create_task(sleep(1h));
  auto both = gather(first, second);
  co_await expect_refused(
      "Gather.cancel", [&] { both.cancel(); }, [&] { return first.cancelled() && second.cancelled(); });
  EXPECT_THROW(co_await std::move(both), CancelledError);
}

// BH-DBG-02
ASYNC_TEST(OtherThread, cannot_cancel_a_group_or_start_a_task_in_it) {
  begin_debug_mode();
  TaskGroup* group = nullptr;
  int started = 0;
  Task<bool> block = create_task([](TaskGroup*& out) -> Coro<bool> {
    co_return co_await with(TaskGroup(), [&](TaskGroup& inside) -> Coro<> {
      out = &inside;
      inside.create_task(sleep(1h));
      co_await sleep(1h);
    });
  }(group));
  co_await settle();
  const auto start = [&started]() -> Coro<> {
    ++started;
    co_return;
  };
  co_await expect_refused("TaskGroup.create_task", [&] { group->create_task(start); }, [&] { return started == 1; });
  co_await expect_refused("TaskGroup.cancel", [&] { group->cancel(); }, [&] { return block.done(); });
  EXPECT_FALSE(block.result());
}

// BH-DBG-02
ASYNC_TEST(OtherThread, cannot_change_a_scope) {
  begin_debug_mode();
  CancelScope outer;
  CancelScope scope;
  Task<bool> block = create_task([](CancelScope& around, CancelScope& within) -> Coro<bool> {
    co_return co_await with(around, [&](CancelScope&) -> Coro<> {
      co_await with(within, [&](CancelScope&) -> Coro<> { co_await create_task(sleep(1h)); });
    });
  }(outer, scope));
  const TimePoint later = get_running_loop().time() + 1h;
  co_await expect_refused(
      "CancelScope.set_deadline", [&] { scope.set_deadline(later); }, [&] { return scope.deadline() == later; });
  co_await expect_refused("CancelScope.set_shield", [&] { scope.set_shield(true); }, [&] { return scope.shield(); });
  co_await expect_refused("CancelScope.cancel", [&] { scope.cancel(); }, [&] { return block.done(); });
  EXPECT_TRUE(scope.cancelled_caught());
  EXPECT_TRUE(block.result());
}

// BH-DBG-02
ASYNC_TEST(OtherThread, cannot_reschedule_a_timeout) {
  begin_debug_mode();
  Timeout limit(std::nullopt);
  Task<> block = create_task([](Timeout& t) -> Coro<> { co_await with(t, [] { return sleep(1h); }); }(limit));
  const TimePoint now = get_running_loop().time();
  co_await expect_refused("Timeout.reschedule", [&] { limit.reschedule(now); }, [&] { return block.done(); });
  EXPECT_THROW(block.result(), TimeoutError);
}

// BH-DBG-02
ASYNC_TEST(OtherThread, cannot_use_the_loop) {
  begin_debug_mode();
  EventLoop& loop = get_running_loop();
  int calls = 0;
  int expected = 0;
  const auto call = [&calls] { ++calls; };
  const auto called = [&] { return calls == expected; };
  const auto expect_call = [&](std::string operation, std::function<void()> schedule) {
    ++expected;
    return expect_refused(std::move(operation), std::move(schedule), called);
  };
  co_await expect_call("call_soon", [&] { loop.call_soon(call); });
  co_await expect_call("call_at", [&] { loop.call_later(0s, call); });
  co_await expect_call("call_at", [&] { loop.call_at(loop.time(), call); });
  co_await expect_call("create_task", [&] {
    const auto count = [](int& counted) -> Coro<> {
      ++counted;
      co_return;
    };
    loop.create_task(count(calls));
  });
  bool handled = false;
  co_await expect_refused(
      "set_exception_handler",
      [&] { loop.set_exception_handler([&](EventLoop&, const ExceptionContext&) { handled = true; }); },
      [&] {
        loop.call_exception_handler({.message = "test"});
        return handled;
      });
  loop.set_exception_handler({});
  static_cast<void>(take_reports());
  co_await expect_refused(
      "set_task_factory", [&] { loop.set_task_factory(eager_task_factory); },
      [&] { return static_cast<bool>(loop.get_task_factory()); });
  loop.set_task_factory({});
  co_await expect_refused("set_debug", [&] { loop.set_debug(false); }, [&] { return !loop.get_debug(); });
}

// BH-DBG-02
ASYNC_TEST(OtherThread, cannot_cancel_a_handle) {
  begin_debug_mode();
  auto held = std::make_shared<int>(0);
  EventLoop& loop = get_running_loop();
  TimerHandle timer = loop.call_later(1h, [held] {});
  Handle soon = loop.call_soon([held] {});
  EXPECT_NE(from_another_thread([&] { soon.cancel(); }), "went through");
  EXPECT_FALSE(soon.cancelled());
  soon.cancel();
  co_await expect_refused(
      "Handle.cancel", [&] { timer.cancel(); }, [&] { return timer.cancelled() && held.use_count() == 1; });
}

struct Pipe {
  Pipe() { EXPECT_EQ(::pipe(ends), 0); }
  Pipe(const Pipe&) = delete;
  ~Pipe() {
    for (int end : ends) ::close(end);
  }
  int ends[2];
};

// The end of a pipe.
struct Watch final : Pipe, lowlevel::WatchedFd {
  Watch() : WatchedFd(ends[0]) {}
  ~Watch() { unwatch(); }
  void ready(std::uint8_t) noexcept override {}
};

// BH-DBG-02
ASYNC_TEST(OtherThread, cannot_stop_the_loop_or_give_it_work_for_threads) {
  begin_debug_mode();
  EventLoop& loop = get_running_loop();
  ThreadPoolExecutor pool(1);
  Watch watch;
  for (const std::function<void()>& call : std::vector<std::function<void()>>{
           [&] { loop.stop(); },
           [&] { loop.close(); },
           [&] { loop.add_reader(0, [] {}); },
           [&] { loop.add_writer(0, [] {}); },
           [&] { loop.remove_reader(0); },
           [&] { loop.remove_writer(0); },
           [&] { loop.add_signal_handler(SIGUSR2, [] {}); },
           [&] { loop.remove_signal_handler(SIGUSR2); },
           [&] { loop.set_default_executor(ThreadPoolExecutor(1)); },
           [&] { static_cast<void>(loop.default_executor()); },
           [&] { static_cast<void>(loop.resolver()); },
           [&] { static_cast<void>(wrap_future(pool.submit([] {}), loop)); },
           [&] { watch.watch(loop); },
           [&] { static_cast<void>(loop.run_in_executor(nullptr, [] {})); },
       }) {
    EXPECT_NE(from_another_thread(call), "went through");
  }
  co_await settle();  // it goes on
}

// Where the loop runs in another thread, that signals belong to the main thread does not help.
TEST(OtherThread, cannot_add_a_signal_handler_not_even_the_main_thread) {
  EventLoop loop({.debug = true});
  std::promise<void> runs;
  std::thread other([&] {
    loop.call_soon([&runs] { runs.set_value(); });
    loop.run_forever();
  });
  runs.get_future().wait();
  const auto add = [&loop] { loop.add_signal_handler(SIGUSR2, [] {}); };
  EXPECT_THROW(add(), RuntimeError);
  loop.call_soon_threadsafe([&loop] { loop.stop(); });
  other.join();
  add();
  EXPECT_TRUE(loop.remove_signal_handler(SIGUSR2));
}

Coro<> ended() { co_return; }

TEST(OtherThread, may_use_a_loop_that_does_not_run_and_what_is_left_of_one_that_is_gone) {
  TimerHandle timer;
  Task<> task;
  std::optional<Future<int>> left;
  {
    EventLoop loop({.debug = true});
    left = loop.create_future<int>();
    timer = loop.call_later(1h, [] {});
    task = loop.create_task(ended());
    EXPECT_EQ(from_another_thread([&] { loop.stop(); }), "went through");
    loop.run_forever();
    loop.run_until_complete(task);
  }
  EXPECT_EQ(from_another_thread([&] {
              left->set_result(1);
              timer.cancel();
              task.cancel();
            }),
            "went through");
  EXPECT_EQ(left->result(), 1);
}

}  // namespace
