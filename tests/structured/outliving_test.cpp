// SPDX-License-Identifier: MIT
#include "tests/structured/outliving.h"

#include <asyncio/barrier.h>
#include <asyncio/broadcast.h>
#include <asyncio/cancel_scope.h>
#include <asyncio/capacity_limiter.h>
#include <asyncio/condition.h>
#include <asyncio/event.h>
#include <asyncio/executor.h>
#include <asyncio/exit_stack.h>
#include <asyncio/foreign.h>
#include <asyncio/gather.h>
#include <asyncio/generator.h>
#include <asyncio/lock.h>
#include <asyncio/queue.h>
#include <asyncio/race.h>
#include <asyncio/semaphore.h>
#include <asyncio/shield.h>
#include <asyncio/task_group.h>
#include <asyncio/timeout.h>
#include <asyncio/virtual_clock.h>
#include <asyncio/wait.h>

// What a program may keep after its loop, its task or its frame has gone: of the loop, blocks, tasks, primitives and
// threads.

using namespace outliving_test;

namespace {

constexpr const char* closed_text = "the event loop is closed";

Coro<> nothing() { co_return; }
Coro<> forever() { co_await sleep(1h); }
Coro<int> number() { co_return 1; }

// --- blocks

template <class Block>
Coro<> inside(std::shared_ptr<Block> block) {
  co_await with(*block, []() -> Coro<> { co_await sleep(1h); });
}

template <class Scope>
void use_scope(const std::shared_ptr<Scope>& scope, Afterwards& after) {
  after("cancel_called", [scope] { EXPECT_FALSE(scope->cancel_called()); });
  after("set_deadline", [scope] { scope->set_deadline(TimePoint()); });
  after("shield", [scope] { scope->set_shield(true); });
  after("no shield", [scope] { scope->set_shield(false); });
  after("cancel", [scope] { scope->cancel(); });
  after("caught", [scope] { EXPECT_FALSE(scope->cancelled_caught()); });
}

const Row blocks[] = {
    {"CancelScope",
     [](Afterwards& after) {
       auto scope = std::make_shared<CancelScope>();
       use_scope(scope, after);
       return inside(scope);
     }},
    {"CancelScope with a deadline",
     [](Afterwards& after) {
       auto scope = std::make_shared<CancelScope>(move_on_after(10h));
       use_scope(scope, after);
       return inside(scope);
     }},
    {"FailScope",
     [](Afterwards& after) {
       auto scope = std::make_shared<FailScope>(fail_after(10h));
       use_scope(scope, after);
       return inside(scope);
     }},
    {"scopes in each other, the outer one destroyed first",
     [](Afterwards& after) -> Coro<> {
       auto outer = std::make_shared<CancelScope>(move_on_after(10h));
       auto inner = std::make_shared<CancelScope>(move_on_after(10h));
       after("the outer one goes", [outer]() mutable { outer.reset(); });
       after("the inner one is used", [inner]() mutable { std::exchange(inner, nullptr)->cancel(); });
       auto& in = *inner;
       return [](CancelScope& a, CancelScope& b) -> Coro<> {
         co_await with(
             a, [&b](CancelScope&) -> Coro<> { co_await with(b, [](CancelScope&) -> Coro<> { co_await sleep(1h); }); });
       }(*outer, in);
     }},
    {"a scope whose task ended without leaving it",
     [](Afterwards& after) -> Coro<> {
       auto scope = std::make_shared<CancelScope>(move_on_after(10h));
       use_scope(scope, after);
       scope->enter_now();
       co_return;
     }},
    {"Timeout",
     [](Afterwards& after) {
       auto limit = std::make_shared<Timeout>(timeout(10h));
       after("expired", [limit] { EXPECT_FALSE(limit->expired()); });
       after("when", [limit] { EXPECT_TRUE(limit->when().has_value()); });
       after("reschedule", [limit] { limit->reschedule(TimePoint()); }, "Timeout.reschedule: the block has ended");
       return inside(limit);
     }},
    {"Timeout that is about to pass",
     [](Afterwards& after) {
       auto limit = std::make_shared<Timeout>(timeout(std::chrono::microseconds(999)));
       after("expired", [limit] { static_cast<void>(limit->expired()); });
       return inside(limit);
     }},
    {"TaskGroup",
     [](Afterwards& after) {
       auto group = std::make_shared<TaskGroup>();
       after("create_task", [group] { group->create_task(nothing()); }, "create_task: the TaskGroup is over");
       after("cancel", [group] { group->cancel(); });
       return [](TaskGroup& entered) -> Coro<> {
         co_await with(entered, [](TaskGroup& g) -> Coro<> {
           g.create_task(forever());
           co_await sleep(1h);
         });
       }(*group);
     }},
    {"TaskGroup that waits for its tasks",
     [](Afterwards& after) {
       auto group = std::make_shared<TaskGroup>();
       after("cancel", [group] { group->cancel(); });
       return [](TaskGroup& entered) -> Coro<> {
         co_await with(entered, [](TaskGroup& g) -> Coro<> {
           g.create_task(forever());
           co_return;
         });
       }(*group);
     }},
    {"ExitStack",
     [](Afterwards& after) -> Coro<> {
       auto stack = std::make_shared<ExitStack>();
       co_await stack->enter(move_on_after(10h));
       co_await stack->enter(timeout(10h));
       stack->callback([] {});
       after("dropped", [stack]() mutable { stack.reset(); });
       stack.reset();
       co_await sleep(1h);
     }},
};

// --- what runs, and what waits for it

const Row runners[] = {
    {"Task",
     [](Afterwards& after) -> Coro<> {
       Task<> task = create_task(forever());
       after("done", [task] { EXPECT_TRUE(task.done() && task.cancelled()); });
       after("cancel", [task] { EXPECT_FALSE(task.cancel()); });
       after("uncancel", [task] { task.uncancel(); });
       after("add_done_callback", [task] { task.add_done_callback([](const Task<>&) { ADD_FAILURE(); }); });
       after("remove_done_callback", [task] { EXPECT_FALSE(task.remove_done_callback(1)); });
       after("names", [task] {
         EXPECT_FALSE(task.name().empty());
         task.set_name("old");
         EXPECT_EQ(task.name(), "old");
       });
       after("context", [task] { static_cast<void>(task.context()); });
       co_await sleep(1h);
     }},
    {"Task that has a value",
     [](Afterwards& after) -> Coro<> {
       Task<int> task = create_task(number());
       co_await task;
       after("result", [task] { EXPECT_EQ(task.result(), 1); });
       after("exception", [task] { EXPECT_EQ(task.exception(), nullptr); });
       co_await sleep(1h);
     }},
    {"Future",
     [](Afterwards& after) -> Coro<> {
       Future<int> future;
       future.add_done_callback([](const Future<int>&) {});
       after("done", [future] { EXPECT_FALSE(future.done()); });
       after(
           "result", [future] { future.result(); },
           "the result of the future is not ready yet: await it, or look at done() first");
       after("add_done_callback", [future] { future.add_done_callback([](const Future<int>&) { ADD_FAILURE(); }); });
       after("set_result", [future] { future.set_result(2); });
       after("result", [future] { EXPECT_EQ(future.result(), 2); });
       after("set_result", [future] { future.set_result(3); }, "Future.set_result: the future has a result already");
       after("cancel", [future] { EXPECT_FALSE(future.cancel()); });
       co_await sleep(1h);
     }},
    {"Gather of futures",
     [](Afterwards& after) -> Coro<> {
       Future<int> future;
       Future<int> other;
       auto gathered = std::make_shared<decltype(gather(future, other))>(gather(future, other));
       after("set_result", [future] { future.set_result(2); });
       after("done", [gathered] { EXPECT_FALSE(gathered->done()); });
       after("cancel", [gathered] { EXPECT_TRUE(gathered->cancel()); });
       after("done", [gathered] { EXPECT_TRUE(gathered->done()); });
       co_await sleep(1h);
     }},
    {"Gather of coroutines",
     [](Afterwards& after) -> Coro<> {
       auto gathered = std::make_shared<decltype(gather(forever(), number()))>(gather(forever(), number()));
       after("done", [gathered] { EXPECT_TRUE(gathered->done()); });
       after("cancel", [gathered] { EXPECT_FALSE(gathered->cancel()); });
       co_await sleep(1h);
     }},
    {"Gather that is awaited",
     [](Afterwards& after) -> Coro<> {
       Future<int> future;
       after("set_result", [future] {
         if (!future.done()) future.set_result(2);
       });
       co_await gather(future, forever());
     }},
    {"race() that is awaited",
     [](Afterwards& after) -> Coro<> {
       Future<int> first;
       Future<int> second;
       // Who takes part may have been cancelled with the race, and what it waits for with it.
       after("the first ends", [first] {
         if (!first.done()) first.set_result(1);
       });
       after("the second is cancelled", [second] {
         const bool pending = !second.done();
         EXPECT_EQ(second.cancel(), pending);
       });
       static_cast<void>(co_await race(first, second, forever()));
     }},
    {"first_success() that nobody awaited",
     [](Afterwards& after) -> Coro<> {
       Future<int> future;
       auto race = std::make_shared<decltype(first_success(future, number()))>(first_success(future, number()));
       after("closed", [race] { race->close(); });
       after("the future ends", [future] { future.set_result(1); });
       co_await sleep(1h);
     }},
    {"Shield, WaitFor and sleep that nobody awaited",
     [](Afterwards& after) -> Coro<> {
       Future<int> future;
       auto held = std::make_shared<decltype(shield(future))>(shield(future));
       auto limited = std::make_shared<decltype(wait_for(future, 1h))>(wait_for(future, 1h));
       auto sleeps = std::make_shared<detail::Sleep>(sleep(1h));
       after("set_result", [future, held, limited, sleeps] { future.set_result(2); });
       co_await sleep(1h);
     }},
    {"as_completed",
     [](Afterwards& after) -> Coro<> {
       Future<int> future;
       std::vector<Future<int>> futures{future};
       auto order = std::make_shared<detail::AsCompleted<Future<int>>>(as_completed(futures, {.timeout = 10h}));
       after("set_result", [future] { future.set_result(2); });
       after("dropped", [order]() mutable { order.reset(); });
       co_await sleep(1h);
     }},
    {"AsyncGenerator in the middle of blocks",
     [](Afterwards& after) -> Coro<> {
       auto generator = std::make_shared<AsyncGenerator<int>>([]() -> AsyncGenerator<int> {
         CancelScope scope = move_on_after(10h);
         scope.enter_now();
         Timeout limit = timeout(10h);
         limit.enter_now();
         co_yield 1;
       }());
       co_await generator->next();
       after("dropped", [generator]() mutable { generator.reset(); });
       co_await sleep(1h);
     }},
    {"Started",
     [](Afterwards& after) -> Coro<> {
       auto started = std::make_shared<Started<int>*>(nullptr);
       after("kept by nobody", [started] {});
       co_await with(TaskGroup(), [started](TaskGroup& group) -> Coro<> {
         co_await group.start<int>([started](Started<int>& given) -> Coro<> {
           *started = &given;
           co_await sleep(1h);
         });
       });
     }},
};

// --- the loop itself

const ContextVar<std::shared_ptr<int>> variable("variable");

Coro<> keep_loop(std::unique_ptr<int> kept) {
  co_await sleep(1h);
  static_cast<void>(kept);
}

const Row handles[] = {
    {"ContextToken",
     [](Afterwards& after) -> Coro<> {
       auto token = std::make_shared<ContextToken>(variable.set(std::make_shared<int>(1)));
       variable.set(std::make_shared<int>(2));
       after("reset", [token] { variable.reset(*token); });
       after(
           "another's", [token] { ContextVar<int>("other").reset(*token); },
           "ContextVar other: the token was made by another ContextVar");
       after("the value", [] { EXPECT_EQ(variable.get(nullptr), nullptr); });
       co_await sleep(1h);
     }},
    {"Handle and TimerHandle",
     [](Afterwards& after) -> Coro<> {
       EventLoop& loop = get_running_loop();
       Handle handle = loop.call_soon([] {});
       TimerHandle timer = loop.call_later(10h, [] { ADD_FAILURE(); });
       after("cancelled", [handle] { EXPECT_FALSE(handle.cancelled()); });
       after("cancel", [handle] { handle.cancel(); });
       after("cancel", [timer] { timer.cancel(); });
       after("when", [timer] { EXPECT_GT(timer.when(), TimePoint()); });
       co_await keep_loop(std::make_unique<int>(1));
     }},
    {"ThreadsafeHandle",
     [](Afterwards& after) -> Coro<> {
       ThreadsafeHandle handle = get_running_loop().call_soon_threadsafe([] {});
       after("cancel", [handle] { EXPECT_FALSE(handle.cancel()); });
       co_await sleep(1h);
     }},
    {"ThreadFuture of a coroutine",
     [](Afterwards& after) -> Coro<> {
       auto future = std::make_shared<ThreadFuture<>>(run_coroutine_threadsafe(get_running_loop(), forever()));
       after("done", [future] { EXPECT_TRUE(future->done()); });
       after("cancel", [future] { static_cast<void>(future->cancel()); });
       co_await sleep(1h);
     }},
    {"ThreadPoolExecutor",
     [](Afterwards& after) -> Coro<> {
       auto pool = std::make_shared<ThreadPoolExecutor>(1);
       Future<int> job = get_running_loop().run_in_executor(*pool, [] { return 1; });
       auto result = std::make_shared<ThreadFuture<int>>(pool->submit([] { return 2; }));
       after("submit", [pool] { EXPECT_EQ(pool->submit([] { return 3; }).result(), 3); });
       after("result", [result] { EXPECT_EQ(result->result(), 2); });
       after("the future of the loop", [job] { static_cast<void>(job.done()); });
       after("shutdown", [pool] { pool->shutdown(); });
       co_await sleep(1h);
     }},
    {"a foreign operation",
     [](Afterwards& after) -> Coro<> {
       struct Operation {
         ~Operation() {
           if (handle) handle.destroy();
         }
         void resume() {
           if (handle) std::exchange(handle, {}).resume();
         }
         std::coroutine_handle<> handle;
       };
       struct Never {
         std::shared_ptr<Operation> operation;
         bool await_ready() const { return false; }
         void await_suspend(std::coroutine_handle<> given) const { operation->handle = given; }
         void await_resume() const {}
       };
       auto operation = std::make_shared<Operation>();
       const auto resume = [operation] { operation->resume(); };
       after("resume", resume);
       co_await from_foreign(Never{operation}, resume);
     }},
};

// --- primitives

const Row primitives[] = {
    {"Queue",
     [](Afterwards& after) -> Coro<> {
       auto queue = std::make_shared<Queue<int>>(1);
       after("get_nowait", [queue] { queue->get_nowait(); }, "queue is empty");
       after("put_nowait", [queue] { queue->put_nowait(1); });
       after("put_nowait", [queue] { queue->put_nowait(2); }, "queue is full: its maxsize is 1");
       after("get_nowait", [queue] { queue->get_nowait(); });
       after("task_done", [queue] { queue->task_done(); });
       after("shutdown", [queue] { queue->shutdown(); });
       co_await queue->get();
     }},
    {"Queue with a putter, and awaiters that nobody awaited",
     [](Afterwards& after) -> Coro<> {
       auto queue = std::make_shared<Queue<int>>(1);
       auto get = std::make_shared<decltype(queue->get())>(queue->get());
       after("get_nowait", [queue, get] { queue->get_nowait(); });
       after("shutdown", [queue] { queue->shutdown({.immediate = true}); });
       co_await queue->put(1);
       co_await queue->put(2);
     }},
    {"Lock and its guard",
     [](Afterwards& after) -> Coro<> {
       auto lock = std::make_shared<Lock>();
       auto guard = std::make_shared<lowlevel::Held<Lock>>(co_await lock->scoped());
       after("locked", [lock] { EXPECT_TRUE(lock->locked()); });
       after("release", [lock, guard] { guard->release(); });
       after("try_acquire", [lock] { static_cast<void>(lock->try_acquire()); });
       guard.reset();
       co_await lock->acquire();
     }},
    {"Semaphore",
     [](Afterwards& after) -> Coro<> {
       auto semaphore = std::make_shared<Semaphore>(0);
       after("release", [semaphore] { semaphore->release(); });
       after("locked", [semaphore] { static_cast<void>(semaphore->locked()); });
       co_await semaphore->acquire();
     }},
    {"Event",
     [](Afterwards& after) -> Coro<> {
       auto event = std::make_shared<Event>();
       after("set", [event] { event->set(); });
       after("is_set", [event] { EXPECT_TRUE(event->is_set()); });
       co_await event->wait();
     }},
    {"Condition",
     [](Afterwards& after) -> Coro<> {
       auto condition = std::make_shared<Condition>();
       after("notify", [condition] { condition->notify(); }, "Condition.notify: the lock is not held");
       after("try_acquire", [condition] { EXPECT_TRUE(condition->try_acquire()); });
       after("notify_all", [condition] { condition->notify_all(); });
       after("release", [condition] { condition->release(); });
       auto held = co_await condition->scoped();
       co_await condition->wait();
     }},
    {"Barrier",
     [](Afterwards& after) -> Coro<> {
       auto barrier = std::make_shared<Barrier>(2);
       after("abort", [barrier] { barrier->abort(); });
       co_await barrier->wait();
     }},
    {"Broadcast and its subscription",
     [](Afterwards& after) -> Coro<> {
       auto broadcast = std::make_shared<Broadcast<int>>(2);
       auto subscription = std::make_shared<Broadcast<int>::Subscription>(broadcast->subscribe());
       after("send", [broadcast] { broadcast->send(1); });
       after("close", [broadcast] { broadcast->close(); });
       after("behind", [subscription] { EXPECT_EQ(subscription->behind(), 1u); });
       co_await subscription->next();
     }},
    {"CapacityLimiter",
     [](Afterwards& after) -> Coro<> {
       auto limiter = std::make_shared<CapacityLimiter>(1);
       after("borrowed", [limiter] { static_cast<void>(limiter->borrowed_tokens()); });
       after("total", [limiter] { limiter->set_total_tokens(3); });
       co_await limiter->acquire();
       co_await sleep(1h);
     }},
};

TEST(Outliving, blocks) { check(blocks); }
TEST(Outliving, what_runs_and_what_waits_for_it) { check(runners); }
TEST(Outliving, handles_threads_and_what_is_foreign) { check(handles); }
TEST(Outliving, primitives) { check(primitives); }

TEST(Outliving, a_virtual_clock_is_there_for_the_next_loop) {
  VirtualClock clock;
  const RunOptions options{.clock = &clock};
  auto told = std::make_shared<int>(0);
  run(options, [&]() -> Coro<> {
    clock.on_standstill([told] { ++*told; });
    co_await sleep(1h);
  });
  EXPECT_EQ(clock.elapsed(), 1h);
  EXPECT_EQ(told.use_count(), 2);
  clock.advance_to(clock.now() + 1h);
  run(forever(), options);
  EXPECT_EQ(clock.elapsed(), 3h);
  clock.on_standstill(nullptr);
  EXPECT_EQ(told.use_count(), 1);
  EXPECT_EQ(*told, 0);
}

TEST(Outliving, a_coroutine_that_never_started_is_reported_without_a_loop) {
  std::optional<Coro<>> coro;
  {
    EventLoop loop;
    loop.run_until_complete([](std::optional<Coro<>>& kept) -> Coro<> {
      kept.emplace(forever());
      co_return;
    }(coro));
  }
  ::testing::internal::CaptureStderr();
  coro.reset();
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("was never awaited"), std::string::npos);
}

TEST(Outliving, a_closed_loop_says_so) {
  EventLoop loop;
  loop.close();
  EXPECT_TRUE(loop.is_closed());
  const auto text_of = [](auto f) -> std::string {
    try {
      f();
      return "no error";
    } catch (const RuntimeError& e) {
      return e.what();
    }
  };
  EXPECT_EQ(text_of([&] { loop.call_soon([] {}); }), closed_text);
  EXPECT_EQ(text_of([&] { loop.call_later(1s, [] {}); }), closed_text);
  EXPECT_EQ(text_of([&] { loop.call_at(TimePoint(), [] {}); }), closed_text);
  EXPECT_EQ(text_of([&] { loop.call_soon_threadsafe([] {}); }), closed_text);
  EXPECT_EQ(text_of([&] { loop.create_task(nothing()); }), closed_text);
  EXPECT_EQ(text_of([&] { loop.run_forever(); }), closed_text);
  EXPECT_EQ(text_of([&] { loop.run_until_complete(nothing()); }), closed_text);
  EXPECT_EQ(text_of([&] { loop.add_reader(0, [] {}); }), closed_text);
  EXPECT_EQ(text_of([&] { loop.add_signal_handler(10, [] {}); }), closed_text);
  EXPECT_EQ(text_of([&] { loop.run_in_executor(nullptr, [] {}); }), closed_text);
  EXPECT_EQ(text_of([&] { loop.set_default_executor(ThreadPoolExecutor(1)); }), closed_text);
  ThreadPoolExecutor pool(1);
  EXPECT_EQ(text_of([&] { wrap_future(pool.submit([] {}), loop); }), closed_text);
  EXPECT_EQ(text_of([&] { run_coroutine_threadsafe(loop, nothing()); }), closed_text);
  EXPECT_FALSE(loop.remove_reader(0));
  EXPECT_FALSE(loop.remove_signal_handler(10));
  EXPECT_EQ(text_of([&] { loop.create_future<int>().set_result(1); }), "no error");
  EXPECT_EQ(text_of([&] { loop.stop(); }), "no error");
  EXPECT_EQ(text_of([&] { loop.close(); }), "no error");
  EXPECT_NE(text_of([&] { create_task(nothing()); }).find("no running event loop"), std::string::npos);
}

}  // namespace
