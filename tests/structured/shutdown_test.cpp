// SPDX-License-Identifier: MIT
#include <asyncio/cancel_scope.h>
#include <asyncio/executor.h>
#include <asyncio/exit_stack.h>
#include <asyncio/gather.h>
#include <asyncio/generator.h>
#include <asyncio/race.h>
#include <asyncio/run.h>
#include <asyncio/shield.h>
#include <asyncio/task_group.h>
#include <asyncio/testing.h>
#include <asyncio/timeout.h>
#include <asyncio/wait.h>
#include <asyncio/with.h>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <future>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

// However a program is ended, all that runs is cancelled and may clean up.

using namespace asyncio;
using namespace std::chrono_literals;

namespace {

// What ends the program.
enum class Exit { system_exit, keyboard_interrupt };
// When it is thrown: in the first step, in a later one, or in answer to the cancel of the shutdown.
enum class Moment { at_once, later, in_answer };

void leave(Exit exit) {
  if (exit == Exit::keyboard_interrupt) throw KeyboardInterrupt();
  throw SystemExit(3);
}

struct Thrower {
  Exit exit;
  Moment moment;

  Coro<> operator()() const {
    const Thrower self = *this;
    if (self.moment == Moment::later) co_await sleep(1ms);
    if (self.moment == Moment::in_answer) {
      try {
        co_await sleep(1h);
      } catch (const CancelledError&) {
      }
    }
    leave(self.exit);
  }
  Coro<int> with_value() const {
    co_await (*this)();
    co_return 1;
  }
};

Coro<> forever() { co_await sleep(1h); }

struct Construct {
  const char* name;
  Coro<> (*run)(Thrower);
};

AsyncGenerator<int> generate(Thrower thrower) {
  co_yield 1;
  co_await thrower();
}

struct EntersBadly {
  Thrower thrower;
  Coro<> enter() { return thrower(); }
  Coro<> exit(std::exception_ptr) { co_return; }
};
struct LeavesBadly {
  Thrower thrower;
  Coro<> enter() { co_return; }
  Coro<> exit(std::exception_ptr) { return thrower(); }
};

const Construct constructs[] = {
    {"main", [](Thrower t) -> Coro<> { co_await t(); }},
    {"child that is awaited", [](Thrower t) -> Coro<> { co_await create_task(t()); }},
    {"child that is not awaited",
     [](Thrower t) -> Coro<> {
       create_task(t());
       co_await forever();
     }},
    {"gather", [](Thrower t) -> Coro<> { co_await gather(forever(), t(), forever()); }},
    {"gather with outcomes", [](Thrower t) -> Coro<> { co_await gather(return_exceptions, t(), forever()); }},
    {"wait_for of a coroutine", [](Thrower t) -> Coro<> { co_await wait_for(t(), 10h); }},
    {"wait_for of a task", [](Thrower t) -> Coro<> { co_await wait_for(create_task(t()), 10h); }},
    {"timeout", [](Thrower t) -> Coro<> { co_await with(timeout(10h), [&]() -> Coro<> { co_await t(); }); }},
    {"shield", [](Thrower t) -> Coro<> { co_await shield(t()); }},
    {"race", [](Thrower t) -> Coro<> { co_await race(forever(), t(), forever()); }},
    {"task of a group",
     [](Thrower t) -> Coro<> {
       co_await with(TaskGroup(), [&](TaskGroup& group) -> Coro<> {
         group.create_task(t());
         group.create_task(forever());
         co_return;
       });
     }},
    {"body of a group",
     [](Thrower t) -> Coro<> {
       co_await with(TaskGroup(), [&](TaskGroup& group) -> Coro<> {
         group.create_task(forever());
         co_await t();
       });
     }},
    {"start of a group",
     [](Thrower t) -> Coro<> {
       co_await with(TaskGroup(), [&](TaskGroup& group) -> Coro<> {
         co_await group.start<void>([&](Started<void>&) -> Coro<> { co_await t(); });
       });
     }},
    {"as_completed",
     [](Thrower t) -> Coro<> {
       std::vector<Coro<>> coros;
       coros.push_back(forever());
       coros.push_back(t());
       auto ends = as_completed(std::move(coros));
       while (auto task = co_await ends.next()) co_await *task;
     }},
    {"wait",
     [](Thrower t) -> Coro<> {
       const std::vector<Task<>> tasks{create_task(forever()), create_task(t())};
       co_await wait(tasks);
     }},
    {"enter of a block",
     [](Thrower t) -> Coro<> { co_await with(EntersBadly{t}, [](EntersBadly&) -> Coro<> { co_return; }); }},
    {"exit of a block",
     [](Thrower t) -> Coro<> { co_await with(LeavesBadly{t}, [](LeavesBadly&) -> Coro<> { co_return; }); }},
    {"exit stack",
     [](Thrower t) -> Coro<> {
       ExitStack stack;
       stack.callback([t] { return t(); });
       co_await stack.aclose();
     }},
    {"generator",
     [](Thrower t) -> Coro<> {
       auto generator = generate(t);
       while (co_await generator.next()) {
       }
     }},
    {"scope", [](Thrower t) -> Coro<> { co_await with(CancelScope(), [&](CancelScope&) -> Coro<> { co_await t(); }); }},
    {"two at once",
     [](Thrower t) -> Coro<> {
       auto second = create_task(t());
       co_await t();
     }},
};

// These have no await in which an answer could be given.
const Construct callbacks[] = {
    {"callback",
     [](Thrower t) -> Coro<> {
       get_running_loop().call_soon([t] { leave(t.exit); });
       co_await forever();
     }},
    {"timer",
     [](Thrower t) -> Coro<> {
       get_running_loop().call_later(1ms, [t] { leave(t.exit); });
       co_await forever();
     }},
    {"callback from another thread",
     [](Thrower t) -> Coro<> {
       get_running_loop().call_soon_threadsafe([t] { leave(t.exit); });
       co_await forever();
     }},
    {"done callback",
     [](Thrower t) -> Coro<> {
       create_task([]() -> Coro<> { co_return; }()).add_done_callback([t](const Task<>&) { leave(t.exit); });
       co_await forever();
     }},
    {"exception handler",
     [](Thrower t) -> Coro<> {
       get_running_loop().set_exception_handler([t](EventLoop&, const ExceptionContext&) { leave(t.exit); });
       get_running_loop().call_soon([] { throw std::runtime_error("for the handler"); });
       co_await forever();
     }},
    {"job of an executor", [](Thrower t) -> Coro<> { co_await to_thread([t] { leave(t.exit); }); }},
    {"destructor of a variable",
     [](Thrower t) -> Coro<> {
       struct Leaver {
         Exit exit;
         ~Leaver() noexcept(false) { leave(exit); }
       } leaver{t.exit};
       co_await sleep(1ms);
     }},
};

// Waits, and on a cancel does what may only be done while everything still works.
Coro<> clean_up_late(std::string& log, char name) {
  std::exception_ptr cancel;
  try {
    co_await sleep(1h);
  } catch (const CancelledError&) {
    cancel = std::current_exception();
  }
  co_await sleep(10ms);
  co_await to_thread([] {});
  log += name;
  if (cancel != nullptr) std::rethrow_exception(cancel);
}

template <class F>
std::string ending_of(F f) {
  try {
    f();
    return "value";
  } catch (const SystemExit& exit) {
    return "exit " + std::to_string(exit.code());
  } catch (const KeyboardInterrupt&) {
    return "interrupt";
  } catch (const std::exception& e) {
    return e.what();
  }
}

Coro<> amid_others(const Construct& construct, Thrower thrower, std::string& log, std::vector<AnyTask>& tasks) {
  tasks.push_back(create_task(clean_up_late(log, 'a')));
  Task<> ending = create_task([&construct, thrower]() -> Coro<> {
    co_await sleep(0s);  // both others have begun
    co_await construct.run(thrower);
  });
  tasks.push_back(ending);
  tasks.push_back(create_task(clean_up_late(log, 'b')));
  co_await sleep(0s);
  if (thrower.moment == Moment::in_answer) {
    co_await sleep(1ms);
  } else {
    co_await ending;
  }
}

void expect_clean_end(const Construct& construct, Thrower thrower) {
  SCOPED_TRACE(construct.name);
  std::string log;
  std::vector<AnyTask> tasks;
  VirtualClock clock;
  const std::string ending = ending_of(
      [&] { run({.clock = &clock}, amid_others, std::cref(construct), thrower, std::ref(log), std::ref(tasks)); });
  EXPECT_EQ(ending, thrower.exit == Exit::system_exit ? "exit 3" : "interrupt");
  std::sort(log.begin(), log.end());
  EXPECT_EQ(log, "ab");
  EXPECT_EQ(tasks.size(), 3u);
  for (const AnyTask& task : tasks) EXPECT_TRUE(task.done());
  EXPECT_THROW(get_running_loop(), RuntimeError);
}

TEST(Shutdown, all_tasks_clean_up_whatever_throws_an_exit_in_whatever) {
  for (const Construct& construct : constructs)
    for (const Exit exit : {Exit::system_exit, Exit::keyboard_interrupt})
      for (const Moment moment : {Moment::at_once, Moment::later, Moment::in_answer})
        expect_clean_end(construct, {exit, moment});
}

TEST(Shutdown, all_tasks_clean_up_where_a_callback_throws_an_exit) {
  for (const Construct& construct : callbacks)
    for (const Exit exit : {Exit::system_exit, Exit::keyboard_interrupt})
      expect_clean_end(construct, {exit, Moment::later});
}

Coro<> answers_with_exit(int code) {
  try {
    co_await sleep(1h);
  } catch (const CancelledError&) {
  }
  throw SystemExit(code);
}

TEST(Shutdown, of_several_exits_the_first_is_thrown) {
  std::string log;
  const auto main = [&]() -> Coro<> {
    auto a = create_task(clean_up_late(log, 'a'));
    auto b = create_task(answers_with_exit(5));
    auto c = create_task(answers_with_exit(6));
    co_await sleep(0s);
    throw SystemExit(4);
  };
  EXPECT_EQ(ending_of([&] { run(main); }), "exit 4");
  EXPECT_EQ(log, "a");

  const auto ends = [&]() -> Coro<> {
    auto a = create_task(clean_up_late(log, 'b'));
    auto b = create_task(answers_with_exit(5));
    auto c = create_task(answers_with_exit(6));
    co_await sleep(0s);
  };
  EXPECT_EQ(ending_of([&] { run(ends); }), "exit 5");
  EXPECT_EQ(log, "ab");
}

thread_local std::vector<std::string> reports;
std::unique_ptr<EventLoop> make_reporting_loop() {
  auto loop = std::make_unique<EventLoop>();
  loop->set_exception_handler([](EventLoop&, const ExceptionContext& context) { reports.push_back(context.message); });
  reports.clear();
  return loop;
}
const RunOptions reporting{.loop_factory = &make_reporting_loop};

TEST(Shutdown, an_exit_comes_before_the_error_of_main_which_is_reported) {
  const auto main = []() -> Coro<> {
    auto a = create_task(answers_with_exit(5));
    co_await sleep(0s);
    throw std::runtime_error("oops");
  };
  EXPECT_EQ(ending_of([&] { run(reporting, main); }), "exit 5");
  EXPECT_EQ(reports, std::vector<std::string>{"unhandled exception of run(), which ends with an exit instead"});
}

TEST(Shutdown, an_exit_is_not_reported_as_an_error_of_its_task) {
  const auto main = []() -> Coro<> {
    auto a = create_task(answers_with_exit(5));
    auto b = create_task(answers_with_exit(6));
    co_await sleep(0s);
  };
  EXPECT_EQ(ending_of([&] { run(reporting, main); }), "exit 5");
  EXPECT_TRUE(reports.empty());
}

TEST(Shutdown, an_exit_of_the_exception_handler_counts_too) {
  const auto main = []() -> Coro<> {
    get_running_loop().set_exception_handler([](EventLoop&, const ExceptionContext&) { throw SystemExit(7); });
    auto a = create_task([]() -> Coro<> {
      try {
        co_await sleep(1h);
      } catch (const CancelledError&) {
        throw std::runtime_error("in the cleaning up");
      }
    }());
    co_await sleep(0s);
  };
  EXPECT_EQ(ending_of([&] { run(main); }), "exit 7");
}

TEST(Shutdown, stop_does_not_break_it_off) {
  std::string log;
  const auto main = [&]() -> Coro<> {
    auto a = create_task(clean_up_late(log, 'a'));
    auto b = create_task([]() -> Coro<> {
      try {
        co_await sleep(1h);
      } catch (const CancelledError&) {
        get_running_loop().stop();
      }
    }());
    co_await sleep(0s);
  };
  EXPECT_EQ(ending_of([&] { run(main); }), "value");
  EXPECT_EQ(log, "a");
}

Coro<> logs_its_cancel(std::string& log) {
  try {
    co_await sleep(1h);
  } catch (const CancelledError&) {
    log += "cancelled";
  }
}

TEST(Shutdown, a_task_that_the_last_job_of_the_executor_sets_going_is_cancelled_too) {
  std::string log;
  std::promise<void> begun;
  std::promise<void> cancelling;
  const auto main = [&]() -> Coro<> {
    EventLoop& loop = get_running_loop();
    loop.run_in_executor(nullptr, [&] {
      begun.set_value();
      cancelling.get_future().wait();
      loop.call_soon_threadsafe([&log] { create_task(logs_its_cancel(log)); });
    });
    create_task([&]() -> Coro<> {
      try {
        co_await sleep(1h);
      } catch (const CancelledError&) {
        cancelling.set_value();
      }
    });
    begun.get_future().wait();
    co_await sleep(0s);
  };
  run(main);
  EXPECT_EQ(log, "cancelled");
}

TEST(Shutdown, a_task_factory_of_the_program_does_not_break_it_off) {
  std::string log;
  const auto main = [&]() -> Coro<> {
    auto a = create_task(clean_up_late(log, 'a'));
    co_await sleep(0s);
    get_running_loop().set_task_factory([](EventLoop&, NewTask&) { throw SystemExit(9); });
  };
  EXPECT_EQ(ending_of([&] { run(main); }), "value");
  EXPECT_EQ(log, "a");
}

TEST(Shutdown, close_of_a_runner_throws_the_exit_after_it_has_closed_the_loop) {
  Runner runner;
  EventLoop& loop = runner.get_loop();
  runner.run([]() -> Coro<> {
    create_task(answers_with_exit(5));
    co_await sleep(0s);
  }());
  EXPECT_EQ(ending_of([&] { runner.close(); }), "exit 5");
  EXPECT_TRUE(loop.is_closed());
  EXPECT_EQ(ending_of([&] { runner.close(); }), "value");
}

// --- std::exit() in a step of a loop

Coro<> exits(int code) {
  auto other = create_task(forever());
  auto joins = create_task([](Task<> task) -> Coro<> { co_await task; }(other));
  co_await sleep(1ms);
  std::exit(code);
}

TEST(ShutdownDeathTest, std_exit_in_a_coroutine_ends_the_program_with_its_code) {
  EXPECT_EXIT(run(exits(5)), ::testing::ExitedWithCode(5), "^$");
}

TEST(ShutdownDeathTest, also_where_the_loop_is_a_global) {
  const auto of_global_loop = [] {
    static EventLoop loop;
    loop.run_until_complete(exits(6));
  };
  EXPECT_EXIT(of_global_loop(), ::testing::ExitedWithCode(6), "^$");
  const auto on_the_heap = [] {
    static std::unique_ptr<EventLoop> loop;
    static Future<int>* last = nullptr;  // is used when the loop is gone
    static struct AtTheEnd {
      ~AtTheEnd() { last->set_result(1); }
    } at_the_end;
    static std::unique_ptr<EventLoop> later = std::make_unique<EventLoop>();
    loop = std::move(later);
    last = new Future<int>(*loop);
    loop->create_task([]() -> Coro<> { co_await *last; }());
    loop->run_until_complete(exits(7));
  };
  EXPECT_EXIT(on_the_heap(), ::testing::ExitedWithCode(7), "^$");
  const auto of_global_runner = [] {
    static Runner runner;
    runner.run(exits(8));
  };
  EXPECT_EXIT(of_global_runner(), ::testing::ExitedWithCode(8), "^$");
}

TEST(ShutdownDeathTest, also_from_another_thread_while_a_global_loop_runs) {
  const auto from_a_job = [] {
    static EventLoop loop;  // whose memory stays: one on the heap would be freed under its thread
    loop.run_until_complete([]() -> Coro<> { co_await to_thread([] { std::exit(9); }); }());
  };
  EXPECT_EXIT(from_a_job(), ::testing::ExitedWithCode(9), "^$");
}

TEST(ShutdownDeathTest, also_in_the_child_of_a_fork_that_a_global_loop_has_run) {
  const auto in_a_child = [] {
    static EventLoop loop;
    static const Task<> left = loop.create_task(forever());
    loop.run_until_complete([]() -> Coro<> {
      const pid_t child = ::fork();
      if (child == 0) std::exit(10);
      int status = 0;
      ::waitpid(child, &status, 0);
      std::exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
      co_return;
    }());
  };
  EXPECT_EXIT(in_a_child(), ::testing::ExitedWithCode(10), "^$");
}

}  // namespace
