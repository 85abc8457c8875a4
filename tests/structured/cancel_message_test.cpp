// SPDX-License-Identifier: MIT
#include <asyncio/cancel_scope.h>
#include <asyncio/condition.h>
#include <asyncio/event.h>
#include <asyncio/foreign.h>
#include <asyncio/gather.h>
#include <asyncio/race.h>
#include <asyncio/shield.h>
#include <asyncio/task_group.h>
#include <asyncio/testing.h>
#include <asyncio/timeout.h>

#include <coroutine>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// Whose cancel it was, and what it said, after its way through everything that passes cancels on.

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

Coro<> forever() { co_await sleep(1h); }

template <class T>
Coro<std::string> ending_of(Task<T> task) {
  try {
    co_await task;
    co_return "value";
  } catch (const CancelledError& e) {
    co_return std::string(e.source() == nullptr ? "cancelled: " : "by a scope: ") + e.message();
  } catch (const TimeoutError&) {
    co_return "timeout";
  } catch (const std::exception& e) {
    co_return e.what();
  }
}

struct Wait {
  const char* name;
  Coro<> (*run)();
};

const Wait without_time[] = {
    {"timeout", []() -> Coro<> { co_await with(timeout(0s), [](Timeout&) -> Coro<> { co_await sleep(1s); }); }},
    {"timeout in a timeout",
     []() -> Coro<> {
       co_await with(timeout(0s), [](Timeout&) -> Coro<> {
         co_await with(timeout(0s), [](Timeout&) -> Coro<> { co_await sleep(1s); });
       });
     }},
    {"wait_for of a task",
     []() -> Coro<> {
       Task<> task = create_task(forever());
       co_await wait_for(task, 0s);
     }},
    {"wait_for of a future", []() -> Coro<> { co_await wait_for(Future<>(), 0s); }},
    {"wait_for of a gather", []() -> Coro<> { co_await wait_for(gather(forever(), Future<>()), 0s); }},
    {"wait_for of an event",
     []() -> Coro<> {
       Event never;
       co_await wait_for(never.wait(), 0s);
     }},
    {"wait_for of a coroutine", []() -> Coro<> { co_await wait_for(forever(), 0s); }},
    {"exit of a group",
     []() -> Coro<> {
       co_await with(timeout(0s), [](Timeout&) -> Coro<> {
         co_await with(TaskGroup(), [](TaskGroup& group) -> Coro<> {
           group.create_task(forever());
           co_return;
         });
       });
     }},
    {"gather",
     []() -> Coro<> { co_await with(timeout(0s), [](Timeout&) -> Coro<> { co_await gather(forever(), forever()); }); }},
    {"gather with outcomes",
     []() -> Coro<> {
       co_await with(timeout(0s), [](Timeout&) -> Coro<> { co_await gather(return_exceptions, forever()); });
     }},
    {"race",
     []() -> Coro<> { co_await with(timeout(0s), [](Timeout&) -> Coro<> { co_await race(forever(), forever()); }); }},
    {"start of a group",
     []() -> Coro<> {
       co_await with(timeout(0s), [](Timeout&) -> Coro<> {
         co_await with(TaskGroup(), [](TaskGroup& group) -> Coro<> {
           co_await group.start<void>([](Started<void>&) -> Coro<> { co_await sleep(1h); });
         });
       });
     }},
    {"condition",
     []() -> Coro<> {
       Condition condition;
       auto held = co_await condition.scoped();
       co_await with(timeout(0s), [&](Timeout&) -> Coro<> { co_await condition.wait(); });
     }},
};

ASYNC_TEST(CancelMessage, a_request_that_is_pending_passes_through_waits_without_time_with_its_text) {
  for (const Wait& wait : without_time) {
    SCOPED_TRACE(wait.name);
    auto task = create_task([&wait]() -> Coro<> {
      current_task().cancel("the reason");
      co_await wait.run();
      ADD_FAILURE() << "has gone on";
    });
    EXPECT_EQ(co_await ending_of(task), "cancelled: the reason");
  }
}

ASYNC_TEST(CancelMessage, a_request_says_what_one_of_two_says) {
  auto task = create_task(forever());
  co_await settle();
  task.cancel();
  task.cancel("the reason");
  EXPECT_EQ(co_await ending_of(task), "cancelled: the reason");
}

ASYNC_TEST(CancelMessage, a_deadline_that_passes_during_the_cleaning_up_takes_no_text_away) {
  const auto slow_to_end = []() -> Coro<int> {
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
    }
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
    }
    throw CancelledError();
  };
  auto task = create_task([&]() -> Coro<> {
    co_await with(timeout(2s), [&](Timeout&) -> Coro<> { co_await race(slow_to_end(), slow_to_end()); });
  });
  co_await sleep(1s);
  task.cancel("the reason");
  EXPECT_EQ(co_await ending_of(task), "cancelled: the reason");
}

// The race has a winner all the same: the request that was passed on comes back, and is nobody else's.
ASYNC_TEST(CancelMessage, a_request_that_comes_back_from_a_race_is_not_taken_for_that_of_a_deadline) {
  const auto wins_late = []() -> Coro<int> {
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
    }
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
    }
    co_return 1;
  };
  auto task = create_task([&]() -> Coro<> {
    co_await with(timeout(2s), [&](Timeout&) -> Coro<> { co_await race(wins_late(), wins_late()); });
    co_await sleep(1h);
  });
  co_await sleep(1s);
  task.cancel("the reason");
  EXPECT_EQ(co_await ending_of(task), "cancelled: the reason");
}

// The group waits for its task all the same, which waits for the group's: only the end of the loop ends that.
TEST(CancelMessage, start_ends_with_a_cancel_where_tasks_await_each_other) {
  EventLoop loop;
  loop.set_exception_handler([](EventLoop&, const ExceptionContext&) {});
  Task<> parent;
  std::string ending;
  parent = loop.create_task([](Task<>& self, std::string& how) -> Coro<> {
    co_await with(TaskGroup(), [&](TaskGroup& group) -> Coro<> {
      try {
        co_await group.start<void>([&](Started<void>&) -> Coro<> { co_await self; });
      } catch (const CancelledError& e) {
        how = e.message();
        throw;
      }
    });
  }(parent, ending));
  loop.run_until_complete(sleep(1ms));
  parent.cancel("the reason");
  loop.run_until_complete(sleep(1ms));
  EXPECT_EQ(ending, "the reason");
  loop.close();
  EXPECT_TRUE(parent.cancelled());
}

// What an operation does when it is told to stop is code of users: here it drops the gather that is being cancelled.
ASYNC_TEST(CancelMessage, a_gather_may_go_while_it_is_cancelled) {
  struct Never {
    std::coroutine_handle<>& handle;
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> given) const { handle = given; }
    void await_resume() const {}
  };
  using Gathered = decltype(gather(std::declval<std::vector<Task<>>>()));
  std::coroutine_handle<> handle;
  std::optional<Gathered> gathered;
  std::vector<Task<>> tasks;
  tasks.push_back(create_task([&]() -> Coro<> { co_await from_foreign(Never{handle}, [&] { gathered.reset(); }); }));
  tasks.push_back(create_task(forever()));
  co_await settle();
  gathered.emplace(gather(tasks));
  EXPECT_TRUE(gathered->cancel("the reason"));
  EXPECT_FALSE(gathered.has_value());
  EXPECT_EQ(co_await ending_of(tasks[1]), "cancelled: the reason");
  handle.resume();
  co_await ending_of(tasks[0]);
}

ASYNC_TEST(CancelMessage, a_gather_that_was_awaited_is_done) {
  Future<int> future;
  auto gathered = gather(future);
  EXPECT_FALSE(gathered.done());
  future.set_result(1);
  co_await gathered;
  EXPECT_TRUE(gathered.done());
  EXPECT_FALSE(gathered.cancel());
}

}  // namespace
