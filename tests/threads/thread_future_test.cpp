// SPDX-License-Identifier: MIT
#include <asyncio/thread_future.h>

#include <asyncio/context.h>
#include <asyncio/executor.h>
#include <asyncio/testing.h>

#include <atomic>
#include <functional>
#include <stdexcept>
#include <thread>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

// Runs code that is not the loop's, and may block, while the loop goes on. By reference: it is awaited at once.
template <class F>
Coro<> outside(F& f) {
  co_await to_thread([&f] { f(); });
}

Coro<int> add(int a, int b) {
  co_await sleep(0s);
  co_return a + b;
}

Coro<> fail() {
  co_await sleep(0s);
  throw std::domain_error("no such thing");
}

// Waits until it is cancelled, and says so.
Coro<> wait_for_cancel(std::string& log) {
  log += "waits ";
  try {
    co_await get_running_loop().create_future<>();
  } catch (const CancelledError&) {
    log += "cancelled ";
    throw;
  }
}

// BH-MISC-04
ASYNC_TEST(RunCoroutineThreadsafe, gives_another_thread_the_result) {
  EventLoop& loop = get_running_loop();
  auto code = [&] {
    EXPECT_EQ(run_coroutine_threadsafe(loop, add, 1, 2).result(), 3);
    ThreadFuture<int> sum = run_coroutine_threadsafe(loop, add, 3, 4);
    EXPECT_EQ(sum.result(60s), 7);
    EXPECT_EQ(sum.result(), 7);
    EXPECT_TRUE(sum.done());
    EXPECT_FALSE(sum.cancel());
  };
  co_await outside(code);
}

// BH-MISC-04
TEST(RunCoroutineThreadsafe, takes_a_coroutine_that_the_other_thread_has_made) {
  EventLoop loop;
  std::thread caller([&loop] {
    EXPECT_EQ(run_coroutine_threadsafe(loop, add(20, 22)).result(), 42);
    loop.call_soon_threadsafe([&loop] { loop.stop(); });
  });
  loop.run_forever();
  caller.join();
}

// BH-MISC-04
ASYNC_TEST(RunCoroutineThreadsafe, an_exception_crosses_unchanged) {
  EventLoop& loop = get_running_loop();
  auto code = [&] {
    ThreadFuture<> future = run_coroutine_threadsafe(loop, fail);
    try {
      future.result();
      ADD_FAILURE() << "nothing was thrown";
    } catch (const std::domain_error& error) {
      EXPECT_STREQ(error.what(), "no such thing");
    }
    EXPECT_NE(future.exception(), nullptr);
  };
  co_await outside(code);
}

// BH-MISC-04
ASYNC_TEST(RunCoroutineThreadsafe, a_timeout_leaves_everything_as_it_was_and_a_cancel_cancels_the_task) {
  EventLoop& loop = get_running_loop();
  std::string log;
  auto code = [&] {
    ThreadFuture<> future = run_coroutine_threadsafe(loop, wait_for_cancel, std::ref(log));
    run_coroutine_threadsafe(loop, add, 0, 0).result();  // it has started before this one
    EXPECT_THROW(future.result(1ms), TimeoutError);
    EXPECT_FALSE(future.done());
    EXPECT_TRUE(future.cancel());
    EXPECT_TRUE(future.cancelled());
    EXPECT_TRUE(future.cancel());
    EXPECT_THROW(future.result(), CancelledError);
    EXPECT_THROW((void)future.exception(), CancelledError);
  };
  co_await outside(code);
  co_await settle();
  EXPECT_EQ(log, "waits cancelled ");
  EXPECT_EQ(all_tasks().size(), 1u);
}

// BH-MISC-04
ASYNC_TEST(RunCoroutineThreadsafe, a_task_that_is_cancelled_cancels_the_future) {
  EventLoop& loop = get_running_loop();
  std::string log;
  auto code = [&] {
    ThreadFuture<> future = run_coroutine_threadsafe(loop, wait_for_cancel, std::ref(log));
    loop.call_soon_threadsafe([] { all_tasks().back().cancel(); });
    EXPECT_THROW(future.result(), CancelledError);
    EXPECT_TRUE(future.cancelled());
  };
  co_await outside(code);
}

ASYNC_TEST(RunCoroutineThreadsafe, a_future_that_is_cancelled_first_starts_no_task) {
  bool started = false;
  auto body = [&started]() -> Coro<> {
    started = true;
    co_return;
  };
  ThreadFuture<> future = run_coroutine_threadsafe(get_running_loop(), body);
  EXPECT_TRUE(future.cancel());
  co_await settle();
  EXPECT_FALSE(started);
}

// Its copy or move into the coroutine fails.
struct Unmovable {
  explicit Unmovable(std::thread::id loop_thread) : loop(loop_thread) {}
  Unmovable(Unmovable&& other) : loop(other.loop) {
    if (std::this_thread::get_id() == loop) throw std::length_error("too big for this loop");
  }
  std::thread::id loop;
};

Coro<> take(const Unmovable&) { co_return; }

// BH-MISC-05
ASYNC_TEST(RunCoroutineThreadsafe, both_sides_hear_of_a_task_that_cannot_be_made) {
  EventLoop& loop = get_running_loop();
  auto code = [&, here = std::this_thread::get_id()] {
    EXPECT_THROW(run_coroutine_threadsafe(loop, take, Unmovable(here)).result(), std::length_error);
  };
  co_await outside(code);
  EXPECT_EQ(take_reports(),
            std::vector<std::string>{"Exception in a callback from another thread: too big for this loop"});
}

// BH-MISC-05
ASYNC_TEST(RunCoroutineThreadsafe, both_sides_hear_of_a_task_factory_that_throws) {
  EventLoop& loop = get_running_loop();
  auto code = [&] { EXPECT_THROW(run_coroutine_threadsafe(loop, add, 1, 2).result(), std::length_error); };
  auto outside_code = outside(code);
  auto task = create_task(std::move(outside_code));
  loop.set_task_factory([](EventLoop&, NewTask&) { throw std::length_error("no more tasks"); });
  co_await task;
  loop.set_task_factory({});
  EXPECT_EQ(take_reports(), std::vector<std::string>{"Exception in a callback from another thread: no more tasks"});
}

ASYNC_TEST(RunCoroutineThreadsafe, a_task_may_end_in_the_step_that_starts_it) {
  EventLoop& loop = get_running_loop();
  loop.set_task_factory(eager_task_factory);
  auto at_once = []() -> Coro<int> { co_return 5; };
  auto cancelled = []() -> Coro<int> {
    throw CancelledError();
    co_return 0;
  };
  auto code = [&] {
    EXPECT_EQ(run_coroutine_threadsafe(loop, at_once).result(), 5);
    EXPECT_THROW(run_coroutine_threadsafe(loop, cancelled).result(), CancelledError);
    EXPECT_EQ(run_coroutine_threadsafe(loop, add, 1, 2).result(), 3);
  };
  co_await outside(code);
}

TEST(RunCoroutineThreadsafe, a_closed_loop_throws_in_the_calling_thread) {
  EventLoop loop;
  loop.close();
  EXPECT_THROW(run_coroutine_threadsafe(loop, add(1, 2)), RuntimeError);  // and closes the coroutine without a report
}

TEST(RunCoroutineThreadsafe, a_loop_that_closes_cancels_the_future) {
  EventLoop loop;
  ThreadFuture<int> never_started = run_coroutine_threadsafe(loop, add, 1, 2);
  loop.close();
  EXPECT_THROW(never_started.result(), CancelledError);
}

TEST(RunCoroutineThreadsafe, a_loop_that_closes_cancels_what_has_started) {
  EventLoop loop;
  loop.set_exception_handler([](EventLoop&, const ExceptionContext&) {});  // "destroyed but it is pending"
  std::string log;
  ThreadFuture<> waiting = run_coroutine_threadsafe(loop, wait_for_cancel, std::ref(log));
  loop.run_until_complete(sleep(0s));
  loop.run_until_complete(sleep(0s));
  EXPECT_EQ(log, "waits ");
  loop.close();
  EXPECT_TRUE(waiting.cancelled());
  EXPECT_FALSE(waiting.running());
}

ASYNC_TEST(RunCoroutineThreadsafe, waiting_in_the_thread_of_the_loop_itself_throws_instead_of_hanging) {
  ThreadFuture<int> sum = run_coroutine_threadsafe(get_running_loop(), add, 1, 2);
  EXPECT_THROW(sum.result(), RuntimeError);
  EXPECT_THROW(sum.result(1s), RuntimeError);
  co_await settle();
  EXPECT_EQ(sum.result(), 3);
}

ContextVar<int> number("number", 0);

ASYNC_TEST(RunCoroutineThreadsafe, the_task_has_the_context_of_the_calling_thread) {
  EventLoop& loop = get_running_loop();
  number.set(1);
  auto read = []() -> Coro<int> { co_return number.get(); };
  auto code = [&] {
    number.set(2);
    EXPECT_EQ(run_coroutine_threadsafe(loop, read).result(), 2);
  };
  co_await outside(code);
  EXPECT_EQ(number.get(), 1);
}

ASYNC_TEST(ThreadFuture, a_task_awaits_one_that_is_wrapped) {
  ThreadPoolExecutor pool(1);
  Future<int> wrapped = wrap_future(pool.submit([] { return 5; }));
  EXPECT_EQ(co_await wrapped, 5);
}

ASYNC_TEST(ThreadFuture, cancelling_the_wrapper_cancels_it) {
  auto state = std::make_shared<detail::ThreadFutureState<int>>();
  Future<int> wrapped = wrap_future(ThreadFuture<int>(state));
  wrapped.cancel();
  EXPECT_TRUE(state->cancelled());
  EXPECT_FALSE(state->begin());
  co_await settle();
}

ASYNC_TEST(ThreadFuture, a_cancel_of_it_cancels_the_wrapper) {
  auto state = std::make_shared<detail::ThreadFutureState<int>>();
  Future<int> wrapped = wrap_future(ThreadFuture<int>(state));
  EXPECT_TRUE(state->cancel());
  EXPECT_FALSE(wrapped.done());
  EXPECT_THROW(co_await wrapped, CancelledError);
}

TEST(ThreadFuture, gives_a_result_that_cannot_be_copied_to_its_last_owner) {
  ThreadPoolExecutor pool(1);
  auto make = [] { return std::make_unique<int>(4); };
  EXPECT_EQ(*pool.submit(make).result(), 4);
  ThreadFuture<std::unique_ptr<int>> future = pool.submit(make);
  EXPECT_EQ(*future.result(), 4);
  std::unique_ptr<int> taken = std::move(future).result();
  EXPECT_EQ(*taken, 4);
}

TEST(ThreadFuture, tells_its_callbacks_in_the_thread_that_ends_it) {
  auto state = std::make_shared<detail::ThreadFutureState<int>>();
  ThreadFuture<int> future(state);
  std::string log;
  future.add_done_callback([&] { log += 'a'; });
  future.add_done_callback([&] { log += 'b'; });
  EXPECT_TRUE(state->begin());
  EXPECT_TRUE(future.running());
  EXPECT_FALSE(future.cancel());
  state->result.emplace(1);
  state->publish();
  EXPECT_EQ(log, "ab");
  future.add_done_callback([&] { log += 'c'; });
  EXPECT_EQ(log, "abc");
}

TEST(ThreadFuture, a_timeout_of_zero_or_of_centuries_is_possible) {
  auto state = std::make_shared<detail::ThreadFutureState<int>>();
  ThreadFuture<int> future(state);
  EXPECT_THROW(future.result(0s), TimeoutError);
  EXPECT_THROW(future.result(-1s), TimeoutError);
  std::thread other([state] { state->cancel(); });
  EXPECT_THROW(future.result(std::chrono::hours::max()), CancelledError);
  other.join();
}

}  // namespace
