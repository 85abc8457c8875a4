// SPDX-License-Identifier: MIT
// What a program may do when its thread, or the program itself, is about to end: thread-local objects and globals have
// destructors, and these may use the library after the library's own thread-local objects have gone.
#include <asyncio/asyncio.h>
#include <asyncio/testing.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <thread>

using namespace asyncio;
using namespace std::chrono_literals;

namespace {

const ContextVar<std::string> who("who", "nobody");

// Calls a function in its destructor.
class AtTheEnd {
 public:
  ~AtTheEnd() {
    if (f_) f_();
  }
  void call(std::function<void()> f) { f_ = std::move(f); }

 private:
  std::function<void()> f_;
};

Coro<std::string> wait_and_fail() {
  who.set("task");
  co_await sleep(1ns);
  throw std::runtime_error(who.get());
}

// Uses everything of which there is one for each thread: contexts, frames, tracebacks, the running loop.
std::string use_all() {
  std::string seen = who.get() + ", ";
  try {
    run([]() -> Coro<> {
      auto failed = create_task(wait_and_fail());
      co_await failed;
    });
  } catch (const std::runtime_error& error) {
    seen += error.what();
  }
  who.set("end");
  return seen + ", " + who.get();
}

// Runs f in a thread whose end calls `at_end` after all that the library keeps for the thread has gone.
void in_a_thread_that_ends_with(std::function<void()> at_end, std::function<void()> f) {
  std::thread([&] {
    static thread_local AtTheEnd last;  // made first, destroyed last
    last.call(std::move(at_end));
    f();
  }).join();
}

TEST(AfterTheEnd, of_a_threads_context_there_is_a_new_one) {
  std::string seen;
  in_a_thread_that_ends_with([&] { seen = use_all(); }, [] { who.set("thread"); });
  EXPECT_EQ(seen, "nobody, task, end");
}

TEST(AfterTheEnd, of_all_that_a_thread_has_there_is_another_one) {
  std::string seen;
  in_a_thread_that_ends_with([&] { seen = use_all(); }, [] { use_all(); });
  EXPECT_EQ(seen, "nobody, task, end");
}

TEST(AfterTheEnd, the_values_of_a_threads_context_may_use_it) {
  struct Value {
    std::shared_ptr<AtTheEnd> end = std::make_shared<AtTheEnd>();
  };
  static const ContextVar<Value> value("value", Value{});
  std::string seen;
  std::thread([&] {
    Value mine;
    mine.end->call([&seen] { seen = use_all(); });
    value.set(std::move(mine));
    who.set("thread");
  }).join();
  EXPECT_EQ(seen, "nobody, task, end");
}

TEST(AfterTheEnd, a_thread_local_loop_may_have_tasks_left) {
  std::string log;
  std::thread([&] {
    static thread_local std::unique_ptr<EventLoop> loop;
    struct Says {
      std::string* log;
      ~Says() { *log += who.get() + " "; }
    };
    loop = std::make_unique<EventLoop>();
    loop->set_exception_handler([](auto&&...) {});
    loop->create_task([](std::string& to) -> Coro<> {
      const Says says{&to};
      who.set("task");
      co_await sleep(1h);
    }(log));
    loop->call_soon([&] { loop->stop(); });
    loop->run_forever();
  }).join();
  EXPECT_EQ(log, "task ");
}

TEST(AfterTheEnd, thread_local_handles_may_outlive_their_loop) {
  std::thread([] {
    static thread_local Task<std::string> failed;
    static thread_local std::unique_ptr<Future<>> future;
    EventLoop loop;
    failed = loop.create_task(wait_and_fail());
    EXPECT_THROW(loop.run_until_complete(failed), std::runtime_error);
    future = std::make_unique<Future<>>(loop);
    future->add_done_callback([](Future<>) {});
  }).join();
}

// Ends the program, in a child, and says what `at_exit` saw when all thread-local objects had gone.
void exit_with(std::string (*at_exit)()) {
  static AtTheEnd last;
  last.call([at_exit] {
    std::fprintf(stderr, "at the end: %s\n", at_exit().c_str());
    std::fflush(stderr);
  });
  who.set(std::string(100, 'x'));
  use_all();
  std::exit(0);
}

TEST(AfterTheEnd, a_global_may_use_all_when_main_has_been_left) {
  EXPECT_EXIT(exit_with(&use_all), ::testing::ExitedWithCode(0), "at the end: nobody, task, end");
}

TEST(AfterTheEnd, a_global_may_ask_for_a_value_when_main_has_been_left) {
  EXPECT_EXIT(exit_with([] { return who.get(); }), ::testing::ExitedWithCode(0), "at the end: nobody");
}

TEST(AfterTheEnd, a_global_loop_may_have_tasks_left) {
  const auto exit_with_tasks = [] {
    static EventLoop loop;
    loop.create_task([]() -> Coro<> {
      who.set("task");
      struct Says {
        ~Says() { std::fprintf(stderr, "%s\n", who.get().c_str()); }
      } says;
      co_await sleep(1h);
    }());
    loop.call_soon([] { loop.stop(); });
    loop.run_forever();
    std::exit(0);
  };
  EXPECT_EXIT(exit_with_tasks(), ::testing::ExitedWithCode(0), "it waits(.|\n)*task");
}

TEST(AfterTheEnd, a_function_that_exit_calls_may_run_a_loop) {
  const auto exit_with_function = [] {
    std::atexit([] { std::fprintf(stderr, "atexit: %s\n", use_all().c_str()); });
    use_all();
    std::exit(0);
  };
  EXPECT_EXIT(exit_with_function(), ::testing::ExitedWithCode(0), "atexit: nobody, task, end");
}

}  // namespace
