// SPDX-License-Identifier: MIT
// The contexts of user code at particular moments: when a loop is closed, when an executor or a runner goes on.
#include "tests/structured/context_everywhere.h"

#include <semaphore>
#include <thread>

namespace {

TEST(ContextMoments, what_a_closed_loop_destroys_sees_its_own_values) {
  Log log;
  VirtualClock clock;
  {
    EventLoop loop({.clock = &clock});
    loop.set_exception_handler([&log](EventLoop&, const ExceptionContext&) { log.touch(); });
    Future<> future(loop);
    Context owner;
    owner.run([&] {
      who.set("owner");
      loop.create_task(take_and_wait(Toucher(log)));
      loop.create_task(
          [](Future<> never, [[maybe_unused]] Toucher parameter) -> Coro<> { co_await never; }(future, Toucher(log)));
      loop.call_soon(Callable(log));
      loop.call_later(1h, Callable(log));
      loop.call_soon_threadsafe(Callable(log));
      future.add_done_callback(Callable(log));
      loop.add_signal_handler(SIGUSR1, Callable(log));
    });
  }
  // Two tasks, of each of which the exception handler hears, and five callables.
  EXPECT_EQ(log.seen(), std::vector<std::string>(9, "owner"));
  EXPECT_EQ(who.get(), "nobody");
  EXPECT_FALSE(left_behind.get());
}

TEST(ContextMoments, a_loop_that_is_closed_inside_of_a_task_takes_nothing_from_it) {
  Log log;
  run([](Log& to) -> Coro<> {
    who.set("outer");
    {
      EventLoop inner;
      inner.set_exception_handler([](auto&&...) {});
      Context owner;
      owner.run([&] {
        who.set("owner");
        inner.create_task(take_and_wait(Toucher(to)));
      });
    }
    EXPECT_EQ(who.get(), "outer");
    EXPECT_FALSE(left_behind.get());
    EXPECT_TRUE(current_task());
    co_return;
  }(log));
  EXPECT_EQ(log.seen(), std::vector<std::string>{"owner"});
}

ASYNC_TEST(ContextMoments, an_exception_handler_sees_the_threads_values_where_nothing_else_runs) {
  // Nobody's: neither a task nor a callback is at work when a loop finds out that a descriptor has gone.
  Log log;
  Future<> future;
  get_running_loop().set_exception_handler([&](EventLoop&, const ExceptionContext&) { log.touch(); });
  future.set_exception(std::runtime_error("oops"));
  who.set("owner");
  future = Future<>();
  EXPECT_EQ(log.seen(), std::vector<std::string>{"owner"});
  get_running_loop().set_exception_handler({});
  future.set_result();
  co_return;
}

TEST(ContextMoments, a_job_of_an_executor_sees_what_the_initializer_set_and_leaves_nothing_to_the_next) {
  ThreadPoolExecutor pool(1, "test", [] { who.set("initializer"); });
  const ContextToken token = who.set("main");
  EXPECT_EQ(pool.submit([] { return who.get(); }).result(), "initializer");
  pool.submit([] { who.set("job"); }).result();
  EXPECT_EQ(pool.submit([] { return who.get(); }).result(), "initializer");
  pool.shutdown();
  who.reset(token);
}

// Whose move is user code, too.
struct MovedToucher {
  explicit MovedToucher(Log& log) : toucher(log) {}
  MovedToucher(MovedToucher&& other) noexcept : toucher(std::move(other.toucher)) { toucher.touch(); }
  Toucher toucher;
};

TEST(ContextMoments, what_a_thread_gives_reaches_the_loop_without_values_and_leaves_none_there) {
  Log log;
  run([&log]() -> Coro<> {
    who.set("main");
    EventLoop& loop = get_running_loop();
    loop.set_default_executor(ThreadPoolExecutor(1));
    static_cast<void>(loop.run_in_executor(nullptr, [&log] { return MovedToucher(log); }));  // nobody keeps it
    std::binary_semaphore go{0};
    std::binary_semaphore begun{0};
    auto cancelled = loop.run_in_executor(nullptr, [&] {
      begun.release();
      go.acquire();
      return MovedToucher(log);
    });
    begun.acquire();
    EXPECT_TRUE(cancelled.cancel());
    go.release();
    co_await to_thread([] {});  // comes behind it
    EXPECT_EQ(who.get(), "main");
    EXPECT_FALSE(left_behind.get());
  });
  for (const std::string& seen : log.seen()) EXPECT_EQ(seen, "nobody");
  EXPECT_GE(log.seen().size(), 4u);
  EXPECT_FALSE(left_behind.get());
}

TEST(ContextMoments, a_runner_has_one_context_which_what_the_thread_sets_later_does_not_reach) {
  std::thread([] {
    Runner runner;
    runner.get_loop();
    who.set("thread");
    const auto name = []() -> Coro<std::string> { co_return who.get(); };
    EXPECT_EQ(runner.run(name()), "nobody");
    runner.run([]() -> Coro<> {
      who.set("runner");
      co_return;
    }());
    EXPECT_EQ(runner.run(name()), "runner");
    EXPECT_EQ(who.get(), "thread");
  }).join();
}

TEST(ContextMoments, the_values_of_a_task_may_ask_for_others_when_they_go) {
  struct Value {
    std::shared_ptr<Toucher> toucher;
  };
  static const ContextVar<Value> value("value", Value{});
  Log log;
  std::thread([&log] {  // in which the value goes, because it has the last handle
    run([](Log& to) -> Coro<> {
      who.set("task");
      value.set(Value{std::make_shared<Toucher>(to)});
      co_return;
    }(log));
    EXPECT_TRUE(left_behind.get());
  })
      .join();
  EXPECT_EQ(log.seen().size(), 1u);
  EXPECT_EQ(who.get(), "nobody");
}

ASYNC_TEST(ContextMoments, the_current_task_is_the_one_whose_parameters_go_and_none_whose_result_goes) {
  struct AsksWhenItGoes {
    std::vector<std::string>* names;
    explicit AsksWhenItGoes(std::vector<std::string>& to) : names(&to) {}
    AsksWhenItGoes(AsksWhenItGoes&& other) noexcept : names(std::exchange(other.names, nullptr)) {}
    ~AsksWhenItGoes() {
      if (names == nullptr) return;
      const AnyTask task = current_task();
      names->push_back(task ? task.name() : "none");
    }
  };
  std::vector<std::string> names;
  const auto takes = []([[maybe_unused]] AsksWhenItGoes parameter) -> Coro<> { co_return; };
  const auto gives = [](AsksWhenItGoes result) -> Coro<AsksWhenItGoes> { co_return result; };
  create_task(takes(AsksWhenItGoes(names)), {.name = "takes"});
  create_task(gives(AsksWhenItGoes(names)), {.name = "gives"});
  co_await settle();
  EXPECT_EQ(names, (std::vector<std::string>{"takes", "none"}));
}

}  // namespace
