// SPDX-License-Identifier: MIT
#include <asyncio/inspect.h>

#include <asyncio/event_loop.h>
#include <asyncio/gather.h>
#include <asyncio/race.h>
#include <asyncio/semaphore.h>
#include <asyncio/shield.h>
#include <asyncio/task_group.h>
#include <asyncio/testing.h>
#include <asyncio/wait.h>
#include <asyncio/with.h>

#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

TaskOptions named(const char* name) { return {.name = name}; }

Coro<> innermost(Future<int> gate) { static_cast<void>(co_await gate); }
Coro<> middle(Future<int> gate) { co_await innermost(gate); }
Coro<> outermost(Future<int> gate) { co_await middle(gate); }

std::vector<std::string> functions(const std::vector<FrameEntry>& stack) {
  std::vector<std::string> names;
  for (const FrameEntry& entry : stack) names.push_back(entry.function);
  return names;
}

// The names of the tasks that await something directly, in order.
std::vector<std::string> awaiters(const CallGraph& graph) {
  std::vector<std::string> names;
  for (const CallGraph& awaiter : graph.awaited_by) {
    const std::size_t begin = awaiter.title.find('\'') + 1;
    names.push_back(awaiter.title.substr(begin, awaiter.title.find('\'', begin) - begin));
  }
  return names;
}
std::vector<std::string> awaiters_of(const AnyTask& task) { return awaiters(capture_call_graph(task)); }

using Names = std::vector<std::string>;

Coro<> await_task(Task<> task) { co_await task; }
Coro<> await_gather(Task<> task) { co_await gather(task, sleep(1h)); }
Coro<> await_wait(Task<> task) {
  std::vector<Task<>> tasks{task};
  co_await wait(std::move(tasks));
}
Coro<> await_shield(Task<> task) { co_await shield(task); }
Coro<> await_in_group(Task<> task) {
  co_await with(TaskGroup(), [&task](TaskGroup& group) -> Coro<> {
    group.create_task(await_task(task), named("child"));
    co_return;
  });
}
Coro<> await_in_race(Task<> task) { co_await race(await_task(task), sleep(1h)); }
Coro<> await_as_completed(Task<> task) {
  std::vector<Task<>> tasks{task};
  auto ended = as_completed(std::move(tasks));
  while (auto next = co_await ended.next()) {
  }
}

// Runs `waiting`, which awaits a task, in one called "awaiter": who is said to await that task?
Coro<Names> awaiters_while(Coro<> (*waiting)(Task<>)) {
  Future<int> gate;
  Task<> awaited = create_task(outermost(gate));
  Task<> awaiter = create_task(waiting(awaited), named("awaiter"));
  co_await settle();
  Names names = awaiters_of(awaited);
  awaiter.cancel();
  if (!gate.done()) gate.set_result(1);  // some pass the cancel on
  co_await settle();
  co_return names;
}

// BH-GR-01
ASYNC_TEST(CallGraph, says_who_awaits_a_task_in_whatever_way) {
  const Names awaiter{"awaiter"};
  const Names child{"child"};
  EXPECT_EQ(co_await awaiters_while(&await_task), awaiter);
  EXPECT_EQ(co_await awaiters_while(&await_gather), awaiter);
  EXPECT_EQ(co_await awaiters_while(&await_wait), awaiter);
  EXPECT_EQ(co_await awaiters_while(&await_shield), awaiter);
  EXPECT_EQ(co_await awaiters_while(&await_in_group), child);
  EXPECT_EQ((co_await awaiters_while(&await_in_race)).size(), 1u);  // a task of the race, that is
}

// BH-GR-01
ASYNC_TEST(CallGraph, of_a_task_of_a_group_or_a_race_leads_to_the_block) {
  Future<int> gate;
  Task<> inner = create_task(outermost(gate));
  Task<> block = create_task(await_in_group(inner), named("block"));
  Task<> racing = create_task(await_in_race(inner), named("race"));
  co_await settle();
  const CallGraph graph = capture_call_graph(inner);
  require(graph.awaited_by.size() == 2);
  EXPECT_EQ(awaiters(graph.awaited_by[0]), Names{"block"});
  EXPECT_EQ(awaiters(graph.awaited_by[1]), Names{"race"});
  gate.set_result(1);
  co_await block;
  co_await racing;
}

// BH-GR-01
ASYNC_TEST(CallGraph, does_not_link_the_consumers_of_as_completed) {
  EXPECT_EQ(co_await awaiters_while(&await_as_completed), Names());
}

// BH-GR-01
ASYNC_TEST(CallGraph, forgets_an_awaiter_whose_wait_has_ended) {
  Future<int> gate;
  Task<> awaited = create_task(outermost(gate));
  Task<> cancelled = create_task(await_shield(awaited), named("cancelled"));
  Task<> waits = create_task(await_task(awaited), named("waits"));
  co_await settle();
  EXPECT_EQ(awaiters_of(awaited), (Names{"cancelled", "waits"}));
  cancelled.cancel();
  co_await settle();
  EXPECT_EQ(awaiters_of(awaited), Names{"waits"});
  gate.set_result(1);
  co_await settle();
  EXPECT_EQ(awaiters_of(awaited), Names());
  EXPECT_TRUE(capture_call_graph(awaited).call_stack.empty());
}

Coro<CallGraph> captured_here() { co_return *capture_call_graph(); }
Coro<CallGraph> captured_below() { co_return co_await captured_here(); }

// BH-GR-02
ASYNC_TEST(CallGraph, of_the_running_task_has_its_stack_and_its_awaiters) {
  Task<CallGraph> task = create_task(captured_below(), named("task"));
  const CallGraph& graph = co_await task;
  EXPECT_EQ(functions(graph.call_stack), (Names{"captured_here", "captured_below"}));
  require(graph.awaited_by.size() == 1);
  EXPECT_EQ(functions(graph.awaited_by[0].call_stack),
            Names{"CallGraph_of_the_running_task_has_its_stack_and_its_awaiters_body"});
}

// BH-GR-02
ASYNC_TEST(CallGraph, tells_the_file_and_the_line_of_each_await) {
  const std::source_location here = std::source_location::current();
  const CallGraph graph = *capture_call_graph();
  require(graph.call_stack.size() == 1);
  EXPECT_EQ(graph.call_stack[0].file, here.file_name());
  EXPECT_EQ(graph.call_stack[0].line, here.line() + 1);
  Future<int> gate;
  unsigned line = 0;
  Task<> task = create_task(
      [](Future<int> awaited, unsigned& await_line) -> Coro<> {
        co_await sleep(0s);
        await_line = std::source_location::current().line() + 1;
        co_await innermost(awaited);
      },
      gate, std::ref(line));
  co_await settle();
  const CallGraph other = capture_call_graph(task);
  require(other.call_stack.size() == 2);
  EXPECT_EQ(other.call_stack[0].function, "innermost");
  EXPECT_EQ(other.call_stack[1].file, here.file_name());
  EXPECT_EQ(other.call_stack[1].line, line);
  gate.set_result(1);
  co_await task;
}

// BH-GR-02
ASYNC_TEST(CallGraph, of_another_task_lists_all_that_await_it) {
  Future<int> gate;
  Task<> awaited = create_task(outermost(gate), named("awaited"));
  std::vector<Task<>> tasks;
  for (const char* name : {"first", "second", "third"}) tasks.push_back(create_task(await_task(awaited), named(name)));
  co_await settle();
  const CallGraph graph = capture_call_graph(awaited);
  EXPECT_EQ(functions(graph.call_stack), (Names{"innermost", "middle", "outermost"}));
  EXPECT_EQ(awaiters(graph), (Names{"first", "second", "third"}));
  for (const CallGraph& awaiter : graph.awaited_by) EXPECT_EQ(functions(awaiter.call_stack), Names{"await_task"});
  gate.set_result(1);
  co_await gather(std::move(tasks));
}

// BH-GR-03
TEST(CallGraph, needs_a_running_loop) {
  EXPECT_THROW(capture_call_graph(), RuntimeError);
  EXPECT_THROW(print_call_graph(), RuntimeError);
  EXPECT_THROW(describe_tasks(), RuntimeError);
}

// BH-GR-03
ASYNC_TEST(CallGraph, is_nothing_in_a_callback) {
  bool nothing = false;
  std::string text = "?";
  get_running_loop().call_soon([&] {
    nothing = !capture_call_graph().has_value();
    text = format_call_graph();
  });
  co_await settle();
  EXPECT_TRUE(nothing);
  EXPECT_EQ(text, "");
}

// BH-GR-03
ASYNC_TEST(CallGraph, of_a_future_has_awaiters_and_no_stack) {
  Future<int> gate;
  Task<> task = create_task(outermost(gate), named("task"));
  co_await settle();
  const CallGraph graph = capture_call_graph(gate);
  EXPECT_TRUE(graph.title.starts_with("Future(id=0x"));
  EXPECT_TRUE(graph.call_stack.empty());
  EXPECT_EQ(awaiters(graph), Names{"task"});
  EXPECT_EQ(functions(graph.awaited_by[0].call_stack), (Names{"innermost", "middle", "outermost"}));
  gate.set_result(1);
  co_await task;
}

// BH-GR-03: what is no future does not compile.
static_assert(!std::is_invocable_v<decltype([](auto& value) -> decltype(capture_call_graph(value)) {}), int&>);

// BH-GR-04
ASYNC_TEST(CallGraph, keeps_as_many_entries_as_it_is_told) {
  Future<int> gate;
  Task<> task = create_task(outermost(gate));
  Task<> awaiter = create_task(await_task(task));
  co_await settle();
  const auto stack = [&task](int limit) { return functions(capture_call_graph(task, {.limit = limit}).call_stack); };
  EXPECT_EQ(stack(1), Names{"innermost"});
  EXPECT_EQ(stack(2), (Names{"innermost", "middle"}));
  EXPECT_EQ(stack(9), (Names{"innermost", "middle", "outermost"}));
  EXPECT_EQ(stack(-1), Names{"outermost"});
  EXPECT_EQ(stack(-2), (Names{"middle", "outermost"}));
  EXPECT_EQ(stack(0), Names());
  EXPECT_EQ(stack(std::numeric_limits<int>::min()), (Names{"innermost", "middle", "outermost"}));
  const CallGraph graph = capture_call_graph(task, {.limit = 0});
  require(graph.awaited_by.size() == 1);
  EXPECT_TRUE(graph.awaited_by[0].call_stack.empty());
  gate.set_result(1);
  co_await awaiter;
}

// BH-GR-04
ASYNC_TEST(CallGraph, leaves_out_the_coroutines_of_the_library) {
  Future<int> gate;
  Task<> task = create_task(
      [](Future<int> awaited) -> Coro<> {
        co_await with(TaskGroup(), [&]() -> Coro<> { co_await innermost(awaited); });
      },
      gate);
  co_await settle();
  const Names stack = functions(capture_call_graph(task).call_stack);
  require(stack.size() == 3);
  EXPECT_EQ(stack[0], "innermost");
  EXPECT_TRUE(stack[1].ends_with("::<lambda>::<lambda>")) << stack[1];
  EXPECT_TRUE(stack[2].ends_with("_body::<lambda>")) << stack[2];
  gate.set_result(1);
  co_await task;
}

// BH-GR-05
TEST(CallGraph, as_text_has_a_block_for_each_task) {
  const CallGraph outer{"Task(name='outer', id=0x2)", {{"main", "shop.cpp", 30}}, {}};
  const CallGraph graph{
      "Task(name='inner', id=0x1)", {{"fetch", "shop.cpp", 12}, {"crawl", "shop.cpp", 20}}, {outer, outer}};
  EXPECT_EQ(format_call_graph(graph),
            "* Task(name='inner', id=0x1)\n"
            "  + Call stack:\n"
            "  |   File 'shop.cpp', line 12, in async fetch()\n"
            "  |   File 'shop.cpp', line 20, in async crawl()\n"
            "  + Awaited by:\n"
            "     * Task(name='outer', id=0x2)\n"
            "       + Call stack:\n"
            "       |   File 'shop.cpp', line 30, in async main()\n"
            "     * Task(name='outer', id=0x2)\n"
            "       + Call stack:\n"
            "       |   File 'shop.cpp', line 30, in async main()\n");
}

// BH-GR-05
ASYNC_TEST(CallGraph, prints_what_it_formats) {
  current_task().set_name("me");
  ::testing::internal::CaptureStdout();
  print_call_graph();
  const std::string printed = ::testing::internal::GetCapturedStdout();
  EXPECT_TRUE(printed.starts_with("* Task(name='me', id=0x")) << printed;
  EXPECT_NE(printed.find(")\n  + Call stack:\n  |   File '"), std::string::npos) << printed;
  EXPECT_TRUE(printed.ends_with(", in async CallGraph_prints_what_it_formats_body()\n")) << printed;
  const Task<> other = create_task(sleep(0s));
  ::testing::internal::CaptureStdout();
  print_call_graph(other);
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), format_call_graph(capture_call_graph(other)));
  co_return;
}

// BH-GR-07
ASYNC_TEST(CallGraph, stops_at_a_cycle) {
  Task<> second;
  Task<> first = create_task(
      [](Task<>& other) -> Coro<> {
        co_await sleep(0s);
        co_await other;
      },
      std::ref(second));
  second = create_task(await_task(first), named("second"));
  first.set_name("first");
  co_await settle();
  const CallGraph graph = capture_call_graph(first);
  EXPECT_EQ(awaiters(graph), Names{"second"});
  require(graph.awaited_by.size() == 1 && graph.awaited_by[0].awaited_by.size() == 1);
  const CallGraph& again = graph.awaited_by[0].awaited_by[0];
  EXPECT_TRUE(again.title.starts_with("Task(name='first'"));
  EXPECT_TRUE(again.title.ends_with(" (cycle)"));
  EXPECT_TRUE(again.awaited_by.empty());
  first.cancel();
  co_await settle();
  EXPECT_TRUE(first.done());
  EXPECT_TRUE(second.done());
}

Coro<> await_both(Task<> first, Task<> second) { co_await gather(first, second); }

// BH-GR-07
ASYNC_TEST(CallGraph, tells_each_task_once_however_many_ways_lead_to_it) {
  Future<int> gate;
  const Task<> root = create_task(outermost(gate));
  Task<> left = root;
  Task<> right = create_task(outermost(gate));
  for (int layer = 0; layer < 60; ++layer) {  // 2^60 ways
    Task<> next = create_task(await_both(left, right));
    right = create_task(await_both(left, right));
    left = std::move(next);
  }
  co_await settle();
  const CallGraph graph = capture_call_graph(root);
  require(graph.awaited_by.size() == 2);
  EXPECT_EQ(graph.awaited_by[0].awaited_by.size(), 2u);
  require(graph.awaited_by[1].awaited_by.size() == 2);
  for (const CallGraph& again : graph.awaited_by[1].awaited_by) {
    EXPECT_TRUE(again.title.ends_with(" (above)")) << again.title;
    EXPECT_TRUE(again.call_stack.empty());
    EXPECT_TRUE(again.awaited_by.empty());
  }
  gate.set_result(1);
  co_await left;
  co_await right;
}

// BH-GR-07
ASYNC_TEST(CallGraph, of_a_long_chain_ends_after_a_hundred_levels) {
  Future<int> gate;
  const Task<> root = create_task(outermost(gate));
  Task<> last = root;
  for (int i = 0; i < 10'000; ++i) last = create_task(await_task(last));
  co_await settle();
  const CallGraph graph = capture_call_graph(root);
  std::size_t levels = 1;
  const CallGraph* level = &graph;
  while (!level->awaited_by.empty()) {
    require(level->awaited_by.size() == 1);
    EXPECT_FALSE(level->call_stack.empty());
    level = &level->awaited_by[0];
    ++levels;
  }
  EXPECT_EQ(levels, 101u);
  EXPECT_TRUE(level->title.ends_with(" (and so on)")) << level->title;
  EXPECT_TRUE(level->call_stack.empty());
  EXPECT_LT(format_call_graph(graph).size(), 300'000u);
  gate.set_result(1);
  co_await last;
}

// BH-GR-08
ASYNC_TEST(CallGraph, keeps_no_task_alive) {
  struct Local {
    explicit Local(int& counter) : count(counter) { ++count; }
    ~Local() { --count; }
    int& count;
  };
  int alive = 0;
  Future<int> gate;
  Task<> awaited = create_task(outermost(gate));
  {
    Task<> awaiter = create_task(
        [](Task<> task, int& counter) -> Coro<> {
          const Local local(counter);
          co_await shield(task);
        },
        awaited, std::ref(alive));
    co_await settle();
    EXPECT_EQ(alive, 1);
    const CallGraph graph = capture_call_graph(awaited);
    EXPECT_EQ(graph.awaited_by.size(), 1u);
    awaiter.cancel();
  }
  co_await settle();
  EXPECT_EQ(alive, 0);
  EXPECT_EQ(all_tasks().size(), 2u);  // this one, and the awaited
  gate.set_result(1);
  co_await awaited;
}

template <class T>
class Shop {
 public:
  Coro<> once() && { co_return; }
  Coro<> again() const& { co_return; }
  Coro<> operator<(int) const { co_return; }
  Coro<> operator->*(int) const { co_return; }
  Coro<> operator()(int) const { co_return; }
};
template <class T>
Coro<> constrained(T)
  requires(sizeof(T) > 1)
{
  co_return;
}
Coro<std::function<void()>> gives_a_function() { co_return nullptr; }
Coro<void (*)(int)> gives_a_pointer() { co_return nullptr; }

template <class T>
std::string name_of(Coro<T> coro) {
  const Task<T> task = create_task(std::move(coro));
  const CallGraph graph = capture_call_graph(task);
  return graph.call_stack.empty() ? "" : graph.call_stack[0].function;
}

ASYNC_TEST(CallGraph, has_the_plain_names_of_functions) {
  const auto without_arguments = [](std::string name) {
    const std::size_t at = name.find("Shop<");
    if (at != std::string::npos) name.erase(at + 4, name.find('>') - at - 3);
    return name;
  };
  const Shop<int> shop;
  EXPECT_EQ(without_arguments(name_of(Shop<int>().once())), "Shop::once");
  EXPECT_EQ(without_arguments(name_of(shop.again())), "Shop::again");
  EXPECT_EQ(without_arguments(name_of(shop < 1)), "Shop::operator<");
  EXPECT_EQ(without_arguments(name_of(shop->*1)), "Shop::operator->*");
  EXPECT_EQ(without_arguments(name_of(shop(1))), "Shop");
  EXPECT_EQ(name_of(constrained(1)), "constrained");
  EXPECT_EQ(name_of(gives_a_function()), "gives_a_function");
  EXPECT_EQ(name_of(gives_a_pointer()), "gives_a_pointer");
  auto mutable_generic = [](auto) mutable -> Coro<> { co_return; };
  EXPECT_TRUE(name_of(mutable_generic(1)).ends_with("_body::<lambda>"));
  co_await settle();
}

template <class T>
struct Foreman {
  Coro<Task<>> hire() const { co_return create_task(settle_once()); }
  static Coro<> settle_once() { co_return; }
};
Coro<Task<>> hire() { co_return create_task(Foreman<int>::settle_once()); }

// Some compilers name the place of a call within a coroutine by what they have made of the coroutine.
ASYNC_TEST(DescribeTasks, names_the_function_that_created_a_task_as_plainly) {
  const auto creator = [](const Task<>& task) {
    return describe_task(task).created_in.substr(0, describe_task(task).created_in.find(" ("));
  };
  auto in_a_lambda = [](auto) mutable -> Coro<Task<>> { co_return create_task(Foreman<int>::settle_once()); };
  const Task<> task = co_await hire();
  EXPECT_TRUE(creator(task).ends_with("hire")) << creator(task);
  const Task<> of_a_template = co_await Foreman<int>().hire();
  EXPECT_TRUE(creator(of_a_template).ends_with("::hire")) << creator(of_a_template);
  const Task<> of_a_lambda = co_await in_a_lambda(1);
  EXPECT_TRUE(creator(of_a_lambda).ends_with("_body::<lambda>")) << creator(of_a_lambda);
  co_await settle();
}

// A destructor that looks at the task whose coroutines are being destroyed.
struct Looks {
  const AnyTask& task;
  int& looks;
  ~Looks() {
    if (!task) return;
    EXPECT_TRUE(capture_call_graph(task).call_stack.empty());
    EXPECT_TRUE(describe_task(task).call_stack.empty());
    ++looks;
  }
};
Coro<> looks_within(const AnyTask& task, int& looks) {
  const Looks look{task, looks};
  co_await sleep(1h);
}
Coro<> looks_around(const AnyTask& task, int& looks) {
  const Looks look{task, looks};
  co_await looks_within(task, looks);
}

TEST(CallGraph, of_a_task_that_goes_with_its_loop_has_no_stack) {
  AnyTask task;
  int looks = 0;
  {
    EventLoop loop;
    loop.set_exception_handler([](EventLoop&, const ExceptionContext&) {});
    task = loop.create_task(looks_around(task, looks));
    loop.run_until_complete(sleep(0s));
  }
  EXPECT_EQ(looks, 2);
  EXPECT_TRUE(task.cancelled());
}

}  // namespace
