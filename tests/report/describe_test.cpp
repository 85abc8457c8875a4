// SPDX-License-Identifier: MIT
// The lists of inspect.h: tasks, and callbacks.
#include <asyncio/event_loop.h>
#include <asyncio/inspect.h>
#include <asyncio/semaphore.h>
#include <asyncio/testing.h>

#include <sys/eventfd.h>
#include <unistd.h>

#include <locale>
#include <string>
#include <string_view>
#include <vector>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

Coro<> take(Semaphore& semaphore) { co_await semaphore.acquire(); }

TEST(FormatTasks, has_a_paragraph_for_each) {
  TaskInfo waits;
  waits.name = "Task-7";
  waits.state = TaskInfo::State::waiting;
  waits.reason = "Semaphore.acquire";
  waits.call_stack = {{"fetch", "shop.cpp", 12}, {"crawl", "shop.cpp", 20}};
  TaskInfo ready;
  ready.name = "Task-8";
  ready.state = TaskInfo::State::ready;
  EXPECT_EQ(format_tasks({waits, ready}),
            "Task-7: waiting in Semaphore.acquire\n"
            "    in fetch (shop.cpp:12)\n"
            "    in crawl (shop.cpp:20)\n"
            "Task-8: ready\n");
}

// What a program may set for the numbers that it shows to people.
struct OfACountry : std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};

TEST(FormatCallGraph, has_the_same_numbers_in_every_country) {
  const CallGraph graph{"Task", {{"fetch", "shop.cpp", 1234}}, {}};
  HandleInfo handle;
  handle.callback = "tick";
  handle.due_in = 1500s + 500ms;
  handle.fd = 1234;
  const std::locale before = std::locale::global(std::locale(std::locale::classic(), new OfACountry));
  const std::string text = format_call_graph(graph) + format_handles({handle});
  std::locale::global(before);
  EXPECT_NE(text.find("line 1234,"), std::string::npos) << text;
  EXPECT_NE(text.find("due in 1500.5 s fd 1234\n"), std::string::npos) << text;
}

TEST(FormatTasks, has_a_name_for_each_state) {
  using enum TaskInfo::State;
  std::string names;
  for (const TaskInfo::State state : {running, ready, waiting, done, cancelled}) {
    names += std::string(to_string(state)) + ' ';
  }
  EXPECT_EQ(names, "running ready waiting done cancelled ");
}

TEST(FormatHandles, has_a_name_for_each_state) {
  using enum HandleInfo::State;
  std::string names;
  for (const HandleInfo::State state : {ready, armed, reading, writing}) names += std::string(to_string(state)) + ' ';
  EXPECT_EQ(names, "ready armed reading writing ");
}

ASYNC_TEST(DescribeTasks, says_what_each_task_does_and_waits_for) {
  current_task().set_name("main");
  Semaphore semaphore(0);
  Task<> waits = create_task(take(semaphore), {.name = "waits"});
  co_await settle();
  Task<> ready = create_task(take(semaphore), {.name = "ready"});
  const std::vector<TaskInfo> tasks = describe_tasks();
  require(tasks.size() == 3);
  EXPECT_EQ(tasks[0].name, "main");
  EXPECT_EQ(tasks[0].state, TaskInfo::State::running);
  EXPECT_STREQ(tasks[0].reason, "");
  EXPECT_EQ(tasks[1].name, "waits");
  EXPECT_EQ(tasks[1].state, TaskInfo::State::waiting);
  EXPECT_STREQ(tasks[1].reason, "Semaphore.acquire");
  require(tasks[1].call_stack.size() == 1);
  EXPECT_EQ(tasks[1].call_stack[0].function, "take");
  EXPECT_NE(tasks[1].created_in.find("describe_test.cpp:"), std::string::npos) << tasks[1].created_in;
  EXPECT_EQ(tasks[2].name, "ready");
  EXPECT_EQ(tasks[2].state, TaskInfo::State::ready);
  EXPECT_LT(tasks[1].number, tasks[2].number);
  EXPECT_EQ(tasks[0].created_in, "");  // run() has made it
  ::testing::internal::CaptureStdout();
  print_tasks();
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), format_tasks(tasks));
  semaphore.release();
  semaphore.release();
  co_await settle();
  EXPECT_EQ(describe_task(ready).state, TaskInfo::State::done);
  EXPECT_TRUE(describe_task(ready).call_stack.empty());
  Task<> cancelled = create_task(take(semaphore));
  cancelled.cancel();
  co_await settle();
  EXPECT_EQ(describe_task(cancelled).state, TaskInfo::State::cancelled);
}

struct Tick {
  void operator()() const {}
};

ASYNC_TEST(DescribeHandles, has_the_callbacks_that_are_still_to_come_in_their_order) {
  EventLoop& loop = get_running_loop();
  EXPECT_TRUE(describe_handles().empty());
  const auto sleeper = create_task(sleep(1min));  // none of them, and neither is its timer
  co_await settle();
  const TimerHandle late = loop.call_later(1h, Tick());
  const TimerHandle early = loop.call_later(1500ms, Tick());
  const TimerHandle cancelled = loop.call_later(1s, Tick());
  cancelled.cancel();
  loop.call_soon(Tick());
  loop.call_soon(Tick()).cancel();
  const int fd = ::eventfd(0, EFD_CLOEXEC);
  loop.add_writer(fd, Tick());
  const std::vector<HandleInfo> handles = describe_handles();
  const std::string text = format_handles(handles);
  EXPECT_TRUE(loop.remove_writer(fd));
  ::close(fd);
  require(handles.size() == 4);
  EXPECT_EQ(handles[3].fd, fd);
  const std::string tick = "(anonymous namespace)::Tick: ";
  EXPECT_EQ(text, tick + "ready\n" + tick + "armed, due in 1.5 s\n" + tick + "armed, due in 3600 s\n" +
                      handles[3].callback + ": writing fd " + std::to_string(fd) + "\n");
  co_await sleep(1500ms);
  EXPECT_EQ(format_handles(describe_handles()), tick + "armed, due in 3598.5 s\n");
  late.cancel();
  EXPECT_TRUE(describe_handles().empty());
  EXPECT_EQ(early.when(), loop.time());
  co_await sleeper;
}

TEST(DescribeHandles, needs_a_loop) { EXPECT_THROW(describe_handles(), RuntimeError); }

}  // namespace
