// SPDX-License-Identifier: MIT
// Handles that refer to nothing: made empty, or moved from. All that can be asked of one is refused in words.
#include <asyncio/asyncio.h>
#include <asyncio/testing.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

// What is asked; its name, and how it is asked.
struct Operation {
  const char* name;
  std::function<Coro<>()> ask;
};

// An operation that does not wait.
template <class F>
Operation plain(const char* name, F f) {
  return {name, [f]() -> Coro<> {
            static_cast<void>(f());
            co_return;
          }};
}

// Each of the operations throws RuntimeError, and says why.
Coro<> expect_refused(std::string object, std::vector<Operation> operations) {
  const std::string expected = "this " + object + " refers to nothing: it is empty, or was moved from";
  for (const Operation& operation : operations) {
    std::string said = "nothing";
    try {
      co_await operation.ask();
    } catch (const RuntimeError& error) {
      said = error.what();
    }
    EXPECT_EQ(said, expected) << operation.name;
  }
}

Coro<int> one() { co_return 1; }

// What takes a task or a future.
template <class H>
std::vector<Operation> operations_with(H handle) {
  return {
      {"await", [handle]() -> Coro<> { co_await handle; }},
      {"await an rvalue", [handle]() -> Coro<> { co_await H(handle); }},
      {"await its end", [handle]() -> Coro<> { co_await handle.ended(); }},
      plain("done", [handle] { return handle.done(); }),
      plain("cancelled", [handle] { return handle.cancelled(); }),
      plain("result", [handle] { return handle.result(); }),
      plain("exception", [handle] { return handle.exception(); }),
      plain("cancel", [handle] { return handle.cancel("why"); }),
      plain("add_done_callback", [handle] { return handle.add_done_callback([](H) {}); }),
      plain("remove_done_callback", [handle] { return handle.remove_done_callback(1); }),
      {"gather", [handle]() -> Coro<> { co_await gather(handle, sleep(1s)); }},
      {"gather a range", [handle]() -> Coro<> { co_await gather(std::vector(1, handle)); }},
      {"wait", [handle]() -> Coro<> { co_await wait(std::vector(1, handle)); }},
      {"as_completed", [handle]() -> Coro<> { co_await as_completed(std::vector(1, handle)).next(); }},
      {"wait_for", [handle]() -> Coro<> { co_await wait_for(handle, 1s); }},
      {"wait_for no time", [handle]() -> Coro<> { co_await wait_for(handle, 0s); }},
      {"shield", [handle]() -> Coro<> { co_await shield(handle); }},
      {"race", [handle]() -> Coro<> { co_await race(handle, sleep(1s)); }},
      {"as_result",
       [handle]() -> Coro<> {
         const auto outcome = co_await as_result(handle);
         static_cast<void>(outcome.value());
       }},
      {"create_task", [handle]() -> Coro<> { co_await create_task(handle); }},
  };
}

std::vector<Operation> operations_of(AnyTask task) {
  return {
      {"await its end", [task]() -> Coro<> { co_await task.ended(); }},
      plain("cancel", [task] { return task.cancel(); }),
      plain("cancelling", [task] { return task.cancelling(); }),
      plain("uncancel", [task] { return task.uncancel(); }),
      plain("done", [task] { return task.done(); }),
      plain("cancelled", [task] { return task.cancelled(); }),
      plain("exception", [task] { return task.exception(); }),
      plain("name", [task] { return task.name(); }),
      plain("set_name", [task] { return task.set_name("n"), 0; }),
      plain("context", [task] { return task.context(), 0; }),
      plain("remove_done_callback", [task] { return task.remove_done_callback(1); }),
      {"wait", [task]() -> Coro<> { co_await wait(std::vector(1, task)); }},
      plain("describe_task", [task] { return describe_task(task).name; }),
      plain("capture_call_graph", [task] { return capture_call_graph(task).title; }),
      plain("print_call_graph", [task] { return print_call_graph(task), 0; }),
  };
}

ASYNC_TEST(EmptyHandle, a_task_that_is_none_refuses_everything) {
  co_await expect_refused("Task", operations_with(Task<int>()));
  co_await expect_refused("Task", operations_of(Task<int>()));
  co_await expect_refused("Task", operations_of(AnyTask()));
  EXPECT_FALSE(Task<int>());
  EXPECT_FALSE(AnyTask());
  EXPECT_TRUE(Task<>() == Task<>());
}

ASYNC_TEST(EmptyHandle, a_task_that_was_moved_from_is_none) {
  Task<int> task = create_task(one());
  const Task<int> there = std::move(task);
  co_await expect_refused("Task", operations_with(task));  // NOLINT(bugprone-use-after-move)
  co_await expect_refused("Task", operations_of(task));
  EXPECT_EQ(co_await there, 1);
}

ASYNC_TEST(EmptyHandle, a_future_that_was_moved_from_refuses_everything) {
  Future<int> future;
  const Future<int> there = std::move(future);
  co_await expect_refused("Future", operations_with(future));  // NOLINT(bugprone-use-after-move)
  const std::vector<Operation> settling{
      plain("set_result", [future] { return future.set_result(1), 0; }),
      plain("set_exception", [future] { return future.set_exception(std::runtime_error("no")), 0; }),
      plain("capture_call_graph", [future] { return capture_call_graph(future).title; }),
  };
  co_await expect_refused("Future", settling);
  Future<> nothing;
  const Future<> kept = std::move(nothing);
  const std::vector<Operation> settling_nothing{
      plain("set_result", [&nothing] { return nothing.set_result(), 0; })};  // NOLINT(bugprone-use-after-move)
  co_await expect_refused("Future", settling_nothing);
  there.set_result(1);
  EXPECT_FALSE(there == future);
}

ASYNC_TEST(EmptyHandle, a_handle_of_a_callback_that_is_none_refuses_everything) {
  Handle soon = get_running_loop().call_soon([] {});
  const Handle kept = std::move(soon);
  for (const Handle& none : {Handle(), soon, Handle(TimerHandle())}) {  // NOLINT(bugprone-use-after-move)
    const std::vector<Operation> refused{
        plain("cancel", [&none] { return none.cancel(), 0; }),
        plain("cancelled", [&none] { return none.cancelled(); }),
    };
    co_await expect_refused("Handle", refused);
    EXPECT_FALSE(none);
  }
  const std::vector<Operation> refused_of_timers{plain("when", [] { return TimerHandle().when(); })};
  co_await expect_refused("Handle", refused_of_timers);
  EXPECT_FALSE(ThreadsafeHandle().cancel());  // it is noexcept, and has not run
  kept.cancel();
}

ASYNC_TEST(EmptyHandle, a_thread_future_that_was_moved_from_refuses_everything) {
  ThreadPoolExecutor pool(1);
  ThreadFuture<int> future = pool.submit([] { return 1; });
  const ThreadFuture<int> there = std::move(future);
  const auto& gone = future;  // NOLINT(bugprone-use-after-move)
  const std::vector<Operation> refused{
      plain("result", [&gone] { return gone.result(); }),
      plain("result in time", [&gone] { return gone.result(1s); }),
      plain("result of an rvalue", [&future] { return std::move(future).result(); }),
      plain("exception", [&gone] { return gone.exception(); }),
      plain("cancel", [&gone] { return gone.cancel(); }),
      plain("running", [&gone] { return gone.running(); }),
      plain("done", [&gone] { return gone.done(); }),
      plain("cancelled", [&gone] { return gone.cancelled(); }),
      plain("add_done_callback", [&gone] { return gone.add_done_callback([] {}), 0; }),
      plain("wrap_future", [&future] { return wrap_future(std::move(future)), 0; }),
  };
  co_await expect_refused("ThreadFuture", refused);
  EXPECT_EQ(there.result(), 1);
}

ASYNC_TEST(EmptyHandle, an_executor_that_was_moved_from_refuses_everything) {
  ThreadPoolExecutor pool(1);
  ThreadPoolExecutor there = std::move(pool);
  auto& gone = pool;  // NOLINT(bugprone-use-after-move)
  const std::vector<Operation> refused{
      plain("submit", [&gone] { return gone.submit([] {}), 0; }),
      plain("map", [&gone] { return gone.map([](int n) { return n; }, std::vector{1}); }),
      plain("ended", [&gone] { return gone.ended(), 0; }),
      plain("shutdown", [&gone] { return gone.shutdown(), 0; }),
      {"run_in_executor", [&gone]() -> Coro<> { co_await get_running_loop().run_in_executor(gone, [] { return 1; }); }},
  };
  co_await expect_refused("ThreadPoolExecutor", refused);
  gone.abandon();
  EXPECT_EQ(there.submit([] { return 1; }).result(), 1);
}

ASYNC_TEST(EmptyHandle, what_as_completed_gave_refuses_everything_once_it_was_moved_from) {
  auto ends = as_completed(std::vector{create_task(one())});
  auto there = std::move(ends);
  const std::vector<Operation> refused{
      {"next", [&ends]() -> Coro<> { co_await ends.next(); }},
  };
  co_await expect_refused("as_completed()", refused);
  EXPECT_EQ((co_await there.next())->result(), 1);
}

ASYNC_TEST(EmptyHandle, a_gather_that_was_moved_from_counts_as_awaited) {
  auto sum = gather(one(), one());
  auto there = std::move(sum);
  EXPECT_TRUE(sum.done());  // NOLINT(bugprone-use-after-move)
  EXPECT_FALSE(sum.cancel());
  std::string said;
  try {
    co_await std::move(sum);
  } catch (const RuntimeError& error) {
    said = error.what();
  }
  EXPECT_EQ(said, "gather: its result can be awaited only once");
  EXPECT_EQ(co_await std::move(there), std::tuple(1, 1));
}

ASYNC_TEST(EmptyHandle, what_can_be_copied_may_be_moved_from_and_used) {
  Broadcast<int> news(2);
  auto subscription = news.subscribe();
  auto there = std::move(subscription);
  news.send(1);
  EXPECT_EQ(co_await subscription.next(), 1);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(co_await there.next(), 1);
  IncompleteReadError error("part", 7);
  const IncompleteReadError copy = std::move(error);
  EXPECT_EQ(error.partial(), "part");  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(copy.partial(), "part");
}

}  // namespace
