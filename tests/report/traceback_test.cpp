// SPDX-License-Identifier: MIT
#include <asyncio/error.h>
#include <asyncio/event_loop.h>
#include <asyncio/exception_group.h>
#include <asyncio/gather.h>
#include <asyncio/generator.h>
#include <asyncio/inspect.h>
#include <asyncio/run.h>
#include <asyncio/task_group.h>
#include <asyncio/testing.h>
#include <asyncio/timeout.h>
#include <asyncio/virtual_clock.h>
#include <asyncio/with.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

// The functions of a text's lines "in fetch (shop.cpp:12)", as "fetch,crawl".
std::string chain_in(std::string_view text) {
  std::string functions;
  for (std::size_t at = 0; (at = text.find("    in ", at)) != std::string_view::npos;) {
    at += 7;
    const std::size_t end = text.find(" (", at);
    EXPECT_NE(text.substr(end).find("traceback_test.cpp:"), std::string_view::npos) << text;
    if (!functions.empty()) functions += ',';
    functions += text.substr(at, end - at);
  }
  return functions;
}

// What the loop's exception handler is told while one of these is there: the lines beyond the message.
class Reports {
 public:
  Reports() {
    get_running_loop().set_exception_handler(
        [this](EventLoop&, const ExceptionContext& context) { extras.push_back(context.extra); });
  }
  ~Reports() { get_running_loop().set_exception_handler(nullptr); }

  std::vector<std::string> extras;
};

Coro<int> fails() {
  co_await sleep(1s);
  throw std::runtime_error("no route");
}
Coro<int> calls() { co_return co_await fails(); }
Coro<int> calls_again() { co_return co_await calls(); }

Coro<> fails_with(std::exception_ptr error) {
  co_await sleep(0s);
  std::rethrow_exception(error);
}
Coro<> passes_on(std::exception_ptr error) { co_await fails_with(error); }

// How the task's exception is reported when nobody has retrieved it.
template <class T>
Coro<std::string> chain_of(Coro<T> coro) {
  Reports reports;
  create_task(std::move(coro));
  co_await sleep(1h);
  co_return reports.extras.size() == 1 ? chain_in(reports.extras[0]) : std::to_string(reports.extras.size());
}

ASYNC_TEST(Traceback, has_each_coroutine_that_the_exception_has_left) {
  EXPECT_EQ(co_await chain_of(calls_again()), "fails,calls,calls_again");
}

Coro<int> awaits_a_task() { co_return co_await create_task(calls()); }
Coro<> gathers() { co_await gather(calls(), sleep(2s)); }

ASYNC_TEST(Traceback, goes_on_where_a_task_is_awaited) {
  EXPECT_EQ(co_await chain_of(awaits_a_task()), "fails,calls,awaits_a_task");
  EXPECT_EQ(co_await chain_of(gathers()), "fails,calls,gathers");
}

Coro<> in_a_block() {
  co_await with(timeout(1h), [](Timeout&) -> Coro<> { co_await calls(); });
}

ASYNC_TEST(Traceback, goes_through_the_blocks_of_with) {
  EXPECT_EQ(co_await chain_of(in_a_block()), "fails,calls,in_a_block::<lambda>,in_a_block");
}

AsyncGenerator<int> generates() { co_yield co_await calls(); }
Coro<> iterates() {
  auto values = generates();
  co_await values.next();
}

ASYNC_TEST(Traceback, goes_through_generators) {
  EXPECT_EQ(co_await chain_of(iterates()), "fails,calls,generates,iterates");
}

Coro<> fails_at_once() {
  throw std::runtime_error("at once");
  co_return;
}
Coro<> gives_up() {
  try {
    co_await fails_at_once();
  } catch (const std::runtime_error&) {
  }
  throw std::runtime_error("gave up");
}
Coro<> fails_elsewhere() { co_await gives_up(); }
Coro<> tries_another() {
  try {
    co_await fails_at_once();
  } catch (const std::runtime_error&) {
  }
  co_await fails_elsewhere();
}
Coro<> awaits_a_failed_future() {
  try {
    co_await fails_at_once();
  } catch (const std::runtime_error&) {
  }
  Future<> future;
  future.set_exception(std::runtime_error("another"));
  co_await future;
}

// What was handled is gone, and the next exception is likely to be where it was.
ASYNC_TEST(Traceback, is_not_that_of_an_exception_that_was_handled_before) {
  EXPECT_EQ(co_await chain_of(gives_up()), "gives_up");
  EXPECT_EQ(co_await chain_of(tries_another()), "gives_up,fails_elsewhere,tries_another");
  EXPECT_EQ(co_await chain_of(awaits_a_failed_future()), "awaits_a_failed_future");
}

TEST(Traceback, is_done_without_at_the_very_end_of_a_thread) {
  static int caught = 0;
  struct RunsAtTheEnd {
    ~RunsAtTheEnd() {
      EXPECT_THROW(run(gives_up()), std::runtime_error);
      ++caught;
    }
  };
  std::thread([] {
    static thread_local RunsAtTheEnd first;  // made before what the library notes, and destroyed after that
    static_cast<void>(&first);
    EXPECT_THROW(run(gives_up()), std::runtime_error);
  }).join();
  EXPECT_EQ(caught, 1);
}

Coro<> tries_twice() {
  for (int i = 0; i < 2; ++i) {
    try {
      co_await calls();
    } catch (const std::runtime_error&) {
    }
  }
  co_await calls();
}

ASYNC_TEST(Traceback, begins_anew_with_each_exception) {
  EXPECT_EQ(co_await chain_of(tries_twice()), "fails,calls,tries_twice");
}

ASYNC_TEST(Traceback, of_one_task_has_nothing_of_another_that_fails_in_the_same_way) {
  Reports reports;
  for (int i = 0; i < 20; ++i) create_task(calls());
  create_task(calls_again());
  co_await sleep(1h);
  require(reports.extras.size() == 21);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(chain_in(reports.extras[static_cast<std::size_t>(i)]), "fails,calls");
  EXPECT_EQ(chain_in(reports.extras[20]), "fails,calls,calls_again");
}

ASYNC_TEST(Traceback, of_one_exception_in_two_tasks_is_that_of_each) {
  Reports reports;
  const auto error = std::make_exception_ptr(std::runtime_error("shared"));
  create_task(fails_with(error));
  create_task(passes_on(error));
  co_await sleep(1s);
  require(reports.extras.size() == 2);
  EXPECT_EQ(chain_in(reports.extras[0]), "fails_with");
  EXPECT_EQ(chain_in(reports.extras[1]), "fails_with,passes_on");
}

ASYNC_TEST(Traceback, is_not_kept_of_a_cancelled_error) {
  Task<int> task = create_task(calls());
  co_await settle();
  task.cancel();
  co_await settle();
  EXPECT_TRUE(task.cancelled());
  Reports reports;
  get_running_loop().call_exception_handler({.message = "a look at it", .task = task});
  require(reports.extras.size() == 1);
  EXPECT_EQ(reports.extras[0], "");
}

Coro<> deep(int levels) {
  if (levels == 0) throw std::runtime_error("deep");
  co_await deep(levels - 1);
}

ASYNC_TEST(Traceback, of_a_deep_chain_keeps_the_innermost_hundred) {
  Reports reports;
  create_task(deep(1'000));
  co_await sleep(1s);
  require(reports.extras.size() == 1);
  const std::string& text = reports.extras[0];
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 101);
  EXPECT_TRUE(text.ends_with("\n    and 901 more")) << text;
}

Coro<> fails_when_cancelled() {
  bool cancelled = false;
  try {
    co_await sleep(1h);
  } catch (const CancelledError&) {
    cancelled = true;
  }
  if (cancelled) co_await calls_again();
}

ASYNC_TEST(Traceback, stands_below_each_member_of_a_group) {
  std::string text;
  try {
    co_await with(TaskGroup(), [](TaskGroup& group) -> Coro<> {
      group.create_task(calls());
      co_await fails_when_cancelled();
    });
  } catch (const ExceptionGroup& group) {
    text = group.what();
  }
  EXPECT_TRUE(
      text.starts_with("unhandled errors in a TaskGroup (2 exceptions)\n"
                       "  +- std::runtime_error: no route\n"
                       "  |    in fails ("))
      << text;
  const std::size_t second = text.rfind("\n  +- ");
  EXPECT_EQ(chain_in(text.substr(0, second)), "fails,calls");
  EXPECT_EQ(
      chain_in(text.substr(second)),
      "fails,calls,calls_again,fails_when_cancelled,Traceback_stands_below_each_member_of_a_group_body::<lambda>");
}

ASYNC_TEST(Traceback, stays_with_the_members_that_are_split_off) {
  std::optional<ExceptionGroup> rest;
  try {
    co_await with(TaskGroup(), [](TaskGroup& group) -> Coro<> {
      group.create_task(fails_with(std::make_exception_ptr(ValueError("one"))));
      co_await fails_when_cancelled();
    });
  } catch (const ExceptionGroup& group) {
    rest = group.handle<ValueError>([](const ValueError&) {});
  }
  require(rest.has_value());
  EXPECT_EQ(chain_in(rest->what()),
            "fails,calls,calls_again,fails_when_cancelled,"
            "Traceback_stays_with_the_members_that_are_split_off_body::<lambda>");
}

ASYNC_TEST(Traceback, of_an_exception_that_was_caught_is_in_its_text) {
  std::string text;
  std::exception_ptr kept;
  try {
    co_await calls();
  } catch (const std::exception&) {
    text = format_exception();
    kept = std::current_exception();
  }
  EXPECT_TRUE(text.starts_with("std::runtime_error: no route\n    in fails (")) << text;
  EXPECT_EQ(chain_in(text), "fails,calls");
  EXPECT_EQ(format_exception(kept), text);
}

TEST(Traceback, that_is_not_known_is_left_out_of_the_text) {
  EXPECT_EQ(format_exception(std::make_exception_ptr(ValueError("no"))), "asyncio::ValueError: no");
  EXPECT_EQ(format_exception(std::make_exception_ptr(CancelledError())), "asyncio::CancelledError");
  EXPECT_EQ(format_exception(std::make_exception_ptr(42)), "int");
  EXPECT_EQ(format_exception(nullptr), "no exception");
}

// Nothing catches what leaves main().
void as_main() noexcept { run(passes_on(std::make_exception_ptr(std::runtime_error("no route")))); }

TEST(TracebackDeathTest, is_printed_when_an_exception_leaves_main) {
  EXPECT_DEATH(as_main(),
               "asyncio: uncaught exception: std::runtime_error: no route\n"
               "    in fails_with \\(.*traceback_test.cpp:[0-9]+\\)\n"
               "    in passes_on \\(.*traceback_test.cpp:[0-9]+\\)\n");
}

ASYNC_TEST(Report, of_a_dropped_coroutine_says_who_has_dropped_it) {
  Reports reports;
  Task<> task = create_task([]() -> Coro<> {
    co_await sleep(1s);
    {
      const auto dropped = calls();
    }
  });
  co_await task;
  require(reports.extras.size() == 1);
  EXPECT_TRUE(reports.extras[0].starts_with("  dropped by\n    in "));
  EXPECT_NE(reports.extras[0].find("::<lambda> (after "), std::string::npos) << reports.extras[0];
  EXPECT_EQ(chain_in(reports.extras[0]), "Report_of_a_dropped_coroutine_says_who_has_dropped_it_body::<lambda>");
}

template <class T>
Coro<T> drops_at_its_end(T value, unsigned& last_await) {
  const auto dropped = calls();
  last_await = std::source_location::current().line() + 1;
  co_await sleep(1s);
  co_return value;
}

// A result may stand where the place of the last await stood.
ASYNC_TEST(Report, of_what_a_co_return_drops_says_after_which_await_whatever_the_value) {
  unsigned last_await = 0;
  const auto told_after = [&last_await](const Reports& reports) {
    require(reports.extras.size() == 1);
    return reports.extras[0].find(":" + std::to_string(last_await) + ")") != std::string::npos &&
           chain_in(reports.extras[0]) == "drops_at_its_end";
  };
  {
    Reports reports;
    EXPECT_EQ(co_await create_task(drops_at_its_end(7, last_await)), 7);
    EXPECT_TRUE(told_after(reports)) << reports.extras[0];
  }
  Reports reports;
  EXPECT_EQ(co_await create_task(drops_at_its_end(std::string("seven"), last_await)), "seven");
  EXPECT_TRUE(told_after(reports)) << reports.extras[0];
}

TEST(Report, of_a_task_that_its_loop_leaves_behind_says_where_it_waits) {
  std::vector<std::string> extras;
  {
    EventLoop loop;
    loop.set_exception_handler(
        [&extras](EventLoop&, const ExceptionContext& context) { extras.push_back(context.extra); });
    Task<int> task = loop.create_task(calls_again());
    loop.run_until_complete(sleep(0s));
  }
  ASSERT_EQ(extras.size(), 1u);
  EXPECT_EQ(chain_in(extras[0]), "fails,calls,calls_again");
}

Coro<> blocks_then_waits(VirtualClock& clock) {
  clock.advance_to(clock.now() + 1s);
  co_await sleep(1ms);
}

// BH-DBG-03
TEST(Report, of_a_slow_step_says_where_it_ended) {
  VirtualClock clock;
  std::vector<std::string> extras;
  EventLoop loop({.debug = true, .clock = &clock});
  loop.set_exception_handler(
      [&extras](EventLoop&, const ExceptionContext& context) { extras.push_back(context.extra); });
  loop.run_until_complete(blocks_then_waits(clock));
  ASSERT_EQ(extras.size(), 1u);
  EXPECT_TRUE(extras[0].starts_with("  until it waited\n")) << extras[0];
  EXPECT_EQ(chain_in(extras[0]), "blocks_then_waits");
}

}  // namespace
