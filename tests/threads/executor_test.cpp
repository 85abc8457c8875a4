// SPDX-License-Identifier: MIT
#include <asyncio/executor.h>

#include <asyncio/testing.h>

#include "jobs.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <latch>
#include <mutex>
#include <ranges>
#include <set>
#include <stdexcept>
#include <thread>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

std::string thread_name() {
  char name[16] = {};
  ::pthread_getname_np(::pthread_self(), name, sizeof name);
  return name;
}

// BH-EXE-01
ASYNC_TEST(Executor, the_default_one_calls_a_function_in_another_thread) {
  const std::thread::id here = std::this_thread::get_id();
  Future<std::thread::id> there = get_running_loop().run_in_executor(nullptr, std::this_thread::get_id);
  EXPECT_FALSE(there.done());  // the result comes through the loop, never inside of the call
  EXPECT_NE(co_await there, here);
  EXPECT_EQ(co_await get_running_loop().run_in_executor(nullptr, divide, 42, 6), 7);
}

// BH-EXE-01
ASYNC_TEST(Executor, an_exception_crosses_unchanged) {
  Future<int> quotient = get_running_loop().run_in_executor(nullptr, divide, 1, 0);
  try {
    co_await quotient;
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::domain_error& error) {
    EXPECT_STREQ(error.what(), "division by zero");
  }
}

ASYNC_TEST(Executor, an_exception_that_nobody_looks_at_is_reported) {
  {
    Future<int> quotient = get_running_loop().run_in_executor(nullptr, divide, 1, 0);
    co_await detail::Ended(quotient.state());
  }
  EXPECT_EQ(take_reports(), std::vector<std::string>{"Future exception was never retrieved: division by zero"});
}

ASYNC_TEST(Executor, callable_arguments_and_result_may_be_move_only) {
  auto twice = [factor = std::make_unique<int>(2)](std::unique_ptr<int> number) {
    *number *= *factor;
    return number;
  };
  auto result = get_running_loop().run_in_executor(nullptr, std::move(twice), std::make_unique<int>(21));
  std::unique_ptr<int> number = co_await std::move(result);
  EXPECT_EQ(*number, 42);
}

ASYNC_TEST(Executor, what_the_callable_owns_has_gone_when_its_result_is_there) {
  auto owned = std::make_shared<int>(1);
  auto use = [](const std::shared_ptr<int>& number) { return *number; };
  EXPECT_EQ(co_await get_running_loop().run_in_executor(nullptr, use, owned), 1);
  EXPECT_EQ(owned.use_count(), 1);
}

ASYNC_TEST(Executor, a_reference_that_the_function_returns_is_copied) {
  static const std::string text = "a string that is too long for the small buffer";
  auto get = []() -> const std::string& { return text; };
  std::string copy = co_await get_running_loop().run_in_executor(nullptr, get);
  EXPECT_EQ(copy, text);
}

// BH-EXE-02
TEST(ThreadPoolExecutor, has_four_threads_more_than_processors_but_at_most_32) {
  cpu_set_t all;
  require(::sched_getaffinity(0, sizeof all, &all) == 0);
  EXPECT_EQ(ThreadPoolExecutor::default_workers(), std::min(32, CPU_COUNT(&all) + 4));

  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(::sched_getcpu(), &one);
  require(::sched_setaffinity(0, sizeof one, &one) == 0);
  const int workers = ThreadPoolExecutor::default_workers();
  require(::sched_setaffinity(0, sizeof all, &all) == 0);
  EXPECT_EQ(workers, 5);
  EXPECT_THROW(ThreadPoolExecutor(0), ValueError);
}

// BH-EXE-02
ASYNC_TEST(Executor, the_threads_of_the_default_one_have_names) {
  EXPECT_EQ(co_await get_running_loop().run_in_executor(nullptr, thread_name), "asyncio_0");
}

// BH-EXE-02
ASYNC_TEST(Executor, the_default_one_can_be_replaced) {
  EventLoop& loop = get_running_loop();
  co_await loop.run_in_executor(nullptr, [] {});
  loop.set_default_executor(ThreadPoolExecutor(1, "own"));
  EXPECT_EQ(co_await loop.run_in_executor(nullptr, thread_name), "own_0");
}

// BH-EXE-03
ASYNC_TEST(Executor, cancelling_the_future_cancels_work_that_has_not_started) {
  EventLoop& loop = get_running_loop();
  ThreadPoolExecutor pool(1);
  Gate gate = make_gate();
  std::atomic<bool> ran = false;
  Future<int> first = loop.run_in_executor(pool, pass, gate, 1);
  Future<> second = loop.run_in_executor(pool, [&ran] { ran = true; });
  EXPECT_TRUE(second.cancel());
  EXPECT_TRUE(second.cancelled());
  gate->count_down();
  EXPECT_EQ(co_await first, 1);
  pool.shutdown();
  EXPECT_FALSE(ran);
}

// BH-EXE-03
ASYNC_TEST(Executor, work_that_runs_goes_on_unseen_after_a_cancel) {
  EventLoop& loop = get_running_loop();
  ThreadPoolExecutor pool(1);
  Gate entered = make_gate();
  Gate gate = make_gate();
  std::atomic<bool> ended = false;
  Future<> future = loop.run_in_executor(
      pool,
      [&ended](const Gate& begun, const Gate& leave) {
        ended = enter(begun, leave, 1) == 1;
        throw std::runtime_error("late");
      },
      entered, gate);
  entered->wait();
  EXPECT_TRUE(future.cancel());
  EXPECT_FALSE(ended);
  gate->count_down();
  pool.shutdown();
  EXPECT_TRUE(ended);
  co_await settle();  // its late exception is dropped
  EXPECT_TRUE(future.cancelled());
}

// BH-EXE-04
ASYNC_TEST(Executor, shutting_the_default_one_down_waits_for_its_work_without_blocking_the_loop) {
  EventLoop& loop = get_running_loop();
  Gate gate = make_gate();
  Future<int> job = loop.run_in_executor(nullptr, pass, gate, 5);
  auto shutdown = create_task(loop.shutdown_default_executor());
  co_await settle();
  EXPECT_FALSE(shutdown.done());
  gate->count_down();
  co_await shutdown;
  EXPECT_EQ(co_await job, 5);
}

ASYNC_TEST(Executor, several_may_wait_for_the_end_of_the_default_one) {
  EventLoop& loop = get_running_loop();
  Gate gate = make_gate();
  Future<int> job = loop.run_in_executor(nullptr, pass, gate, 5);
  auto first = create_task(loop.shutdown_default_executor());
  auto second = create_task(loop.shutdown_default_executor());
  auto given_up = create_task(loop.shutdown_default_executor());
  co_await settle();
  given_up.cancel();
  co_await given_up.ended();
  gate->count_down();
  co_await first;
  co_await second;
  EXPECT_EQ(co_await job, 5);
  EXPECT_TRUE(given_up.cancelled());
}

ASYNC_TEST(Executor, one_that_is_set_during_the_shutdown_of_the_default_one_is_let_be) {
  EventLoop& loop = get_running_loop();
  Gate gate = make_gate();
  Gate other_gate = make_gate();
  Future<int> job = loop.run_in_executor(nullptr, pass, gate, 5);
  auto shutdown = create_task(loop.shutdown_default_executor());
  co_await settle();
  ThreadPoolExecutor next(1);
  ThreadFuture<int> other_job = next.submit(pass, other_gate, 6);
  loop.set_default_executor(std::move(next));
  gate->count_down();
  co_await shutdown;  // does not wait for the other one
  EXPECT_EQ(co_await job, 5);
  other_gate->count_down();
  EXPECT_EQ(co_await wrap_future(std::move(other_job)), 6);
}

// BH-EXE-04
ASYNC_TEST(Executor, there_is_no_default_one_after_its_shutdown) {
  EventLoop& loop = get_running_loop();
  co_await loop.shutdown_default_executor();
  EXPECT_THROW(loop.run_in_executor(nullptr, thread_name), RuntimeError);
  ThreadPoolExecutor pool(1, "other");
  EXPECT_EQ(co_await loop.run_in_executor(pool, thread_name), "other_0");
}

// BH-EXE-04
ASYNC_IO_TEST(Executor, a_shutdown_that_takes_too_long_goes_on_without_the_threads) {
  EventLoop& loop = get_running_loop();
  Gate gate = make_gate();
  Future<int> job = loop.run_in_executor(nullptr, pass, gate, 5);
  co_await loop.shutdown_default_executor(1ms);
  EXPECT_EQ(take_reports().size(), 1u);
  EXPECT_THROW(loop.run_in_executor(nullptr, thread_name), RuntimeError);
  gate->count_down();
  EXPECT_EQ(co_await job, 5);  // a result still finds its way
}

// BH-EXE-05
TEST(Executor, a_result_that_comes_after_the_loop_has_closed_is_dropped) {
  ThreadPoolExecutor pool(2);
  Gate gate = make_gate();
  {
    EventLoop loop;
    Future<int> job = loop.run_in_executor(pool, pass, gate, 1);
    Future<> failing = loop.run_in_executor(
        pool,
        [](const Gate& leave) {
          leave->wait();
          throw std::runtime_error("late");
        },
        gate);
    loop.close();
    EXPECT_FALSE(job.done());
  }
  gate->count_down();
  pool.shutdown();
}

// BH-LOOP-18
TEST(Executor, a_loop_that_is_closed_does_not_wait_for_its_default_one) {
  Gate gate = make_gate();
  {
    EventLoop loop;
    Future<int> job = loop.run_in_executor(nullptr, pass, gate, 1);
  }
  gate->count_down();
}

// BH-LOOP-19
TEST(Executor, a_closed_loop_takes_no_work) {
  ThreadPoolExecutor pool(1);
  EventLoop loop;
  loop.close();
  EXPECT_THROW(loop.run_in_executor(nullptr, thread_name), RuntimeError);
  EXPECT_THROW(loop.run_in_executor(pool, thread_name), RuntimeError);
}

// BH-EXE-06
ASYNC_TEST(Executor, a_full_pool_queues_first_in_first_out) {
  EventLoop& loop = get_running_loop();
  ThreadPoolExecutor pool(1);
  Gate gate = make_gate();
  std::string log;  // of the one thread, and read after its end
  loop.run_in_executor(pool, pass, gate, 0);
  std::vector<Future<>> jobs;
  for (char name : {'a', 'b', 'c'}) jobs.push_back(loop.run_in_executor(pool, [&log, name] { log += name; }));
  gate->count_down();
  for (auto& job : jobs) co_await job;
  EXPECT_EQ(log, "abc");
}

ASYNC_TEST(Executor, virtual_time_stands_still_while_somebody_waits_for_work) {
  EventLoop& loop = get_running_loop();
  const TimePoint start = loop.time();
  auto sleeper = create_task([]() -> Coro<> { co_await sleep(1h); });
  Gate gate = make_gate();
  Future<int> job = loop.run_in_executor(nullptr, pass, gate, 1);
  loop.call_soon([gate] { gate->count_down(); });
  co_await job;
  EXPECT_EQ(loop.time(), start);
  co_await sleeper;
  EXPECT_EQ(loop.time(), start + 1h);
}

ASYNC_TEST(Executor, virtual_time_goes_on_when_work_that_runs_was_given_up) {
  Gate entered = make_gate();
  Gate gate = make_gate();
  Future<int> job = get_running_loop().run_in_executor(nullptr, enter, entered, gate, 1);
  entered->wait();
  job.cancel();
  co_await sleep(1h);
  gate->count_down();
}

// Keeps its work until it is told to do it, in the thread that tells.
class Later final : public Executor {
 public:
  void post(std::unique_ptr<Work> work) override { works.push_back(std::move(work)); }
  void shutdown(const ExecutorShutdownOptions&) override {}

  std::deque<std::unique_ptr<Work>> works;
};

ASYNC_TEST(Executor, any_class_with_post_can_be_one) {
  Later later;
  Future<int> done = get_running_loop().run_in_executor(later, divide, 8, 2);
  Future<int> failed = get_running_loop().run_in_executor(later, divide, 8, 2);
  Future<int> dropped = get_running_loop().run_in_executor(later, divide, 8, 2);
  later.works[0]->run();
  later.works[1]->fail(std::make_exception_ptr(std::runtime_error("no power")));
  later.works.clear();
  EXPECT_EQ(co_await done, 4);
  EXPECT_THROW(co_await failed, std::runtime_error);
  co_await detail::Ended(dropped.state());
  EXPECT_TRUE(dropped.cancelled());
}

TEST(ThreadPoolExecutor, submit_gives_what_the_function_gives) {
  ThreadPoolExecutor pool(2);
  ThreadFuture<int> quotient = pool.submit(divide, 42, 6);
  EXPECT_EQ(quotient.result(), 7);
  EXPECT_EQ(quotient.result(), 7);
  EXPECT_EQ(quotient.exception(), nullptr);
  EXPECT_TRUE(quotient.done());
  ThreadFuture<int> failing = pool.submit(divide, 1, 0);
  EXPECT_THROW(failing.result(), std::domain_error);
  EXPECT_NE(failing.exception(), nullptr);
}

TEST(ThreadPoolExecutor, map_gives_the_results_in_the_order_of_the_range) {
  ThreadPoolExecutor pool(4);
  const std::vector<int> numbers{1, 2, 3, 4, 5, 6, 7, 8};
  EXPECT_EQ(pool.map([](int n) { return n * n; }, numbers), (std::vector<int>{1, 4, 9, 16, 25, 36, 49, 64}));
  EXPECT_EQ(pool.map([](int n) { return -n; }, std::views::iota(0, 3)), (std::vector<int>{0, -1, -2}));
  std::atomic<int> sum = 0;
  pool.map([&](int n) { sum += n; }, numbers);
  EXPECT_EQ(sum, 36);
}

TEST(ThreadPoolExecutor, map_throws_the_first_exception_and_leaves_nothing_running) {
  ThreadPoolExecutor pool(2);
  std::vector<int> divisors{1, 0, 2, 4};
  EXPECT_THROW(pool.map([](int n) { return divide(4, n); }, divisors), std::domain_error);
}

TEST(ThreadPoolExecutor, uses_no_more_threads_than_it_may) {
  std::mutex mutex;
  std::set<std::thread::id> threads;
  ThreadPoolExecutor pool(2);
  std::vector<int> range(50);
  pool.map(
      [&](int) {
        std::lock_guard lock(mutex);
        threads.insert(std::this_thread::get_id());
      },
      range);
  EXPECT_LE(threads.size(), 2u);
  EXPECT_FALSE(threads.contains(std::this_thread::get_id()));
}

TEST(ThreadPoolExecutor, makes_a_thread_for_work_while_all_others_are_busy) {
  ThreadPoolExecutor pool(3);
  // Each waits for the two others.
  auto all = std::make_shared<std::latch>(3);
  std::vector<ThreadFuture<>> futures;
  for (int i = 0; i < 3; ++i) futures.push_back(pool.submit([all] { all->arrive_and_wait(); }));
  for (auto& future : futures) future.result();
}

TEST(ThreadPoolExecutor, the_destructor_does_all_the_work_that_was_accepted) {
  std::atomic<int> count = 0;
  {
    ThreadPoolExecutor pool(2);
    for (int i = 0; i < 20; ++i) pool.submit([&] { ++count; });
  }
  EXPECT_EQ(count, 20);
}

TEST(ThreadPoolExecutor, takes_no_work_after_its_shutdown) {
  ThreadPoolExecutor pool(1);
  pool.shutdown();
  EXPECT_THROW(pool.submit([] {}), RuntimeError);
  pool.shutdown();  // twice is once
}

TEST(ThreadPoolExecutor, a_shutdown_can_cancel_what_has_not_started) {
  ThreadPoolExecutor pool(1);
  Gate entered = make_gate();
  Gate gate = make_gate();
  ThreadFuture<int> running = pool.submit(enter, entered, gate, 1);
  ThreadFuture<int> queued = pool.submit(pass, gate, 2);
  entered->wait();
  ThreadFuture<> ended = pool.ended();
  pool.shutdown({.wait = false, .cancel_futures = true});
  EXPECT_TRUE(queued.cancelled());
  EXPECT_THROW(queued.result(), CancelledError);
  EXPECT_FALSE(running.done());
  EXPECT_FALSE(ended.done());
  gate->count_down();
  EXPECT_EQ(running.result(), 1);
  ended.result();
  pool.shutdown();
}

TEST(ThreadPoolExecutor, one_of_its_threads_cannot_wait_for_its_end) {
  ThreadPoolExecutor pool(1);
  EXPECT_THROW(pool.submit([&] { pool.shutdown(); }).result(), RuntimeError);
  EXPECT_EQ(pool.submit([] { return 1; }).result(), 1);  // it was refused: the pool goes on
  pool.submit([&] { pool.shutdown({.wait = false}); }).result();
  EXPECT_THROW(pool.submit([] {}), RuntimeError);
}

TEST(ThreadPoolExecutor, one_of_its_threads_cannot_wait_for_its_end_while_another_thread_does) {
  ThreadPoolExecutor pool(1);
  Gate gate = make_gate();
  ThreadFuture<> refused = pool.submit([&] {
    gate->wait();
    pool.shutdown();
  });
  std::thread other([&] {
    gate->count_down();
    pool.shutdown();
  });
  EXPECT_THROW(refused.result(), RuntimeError);
  other.join();
}

TEST(ThreadPoolExecutor, a_shutdown_of_several_threads_returns_in_each_when_the_work_is_done) {
  for (int round = 0; round < 50; ++round) {
    ThreadPoolExecutor pool(2);
    Gate gate = make_gate();
    std::atomic<int> done = 0;
    for (int i = 0; i < 2; ++i) {
      pool.submit([&] {
        gate->wait();
        ++done;
      });
    }
    std::latch ready(3);
    std::atomic<int> early = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        ready.count_down();
        pool.shutdown();
        if (done != 2) ++early;
      });
    }
    ready.wait();
    for (int i = 0; i < 20; ++i) std::this_thread::yield();
    gate->count_down();
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(early, 0);
  }
}

TEST(ThreadPoolExecutor, tells_of_its_end_where_it_never_had_a_thread) {
  ThreadPoolExecutor pool(1);
  ThreadFuture<> ended = pool.ended();
  EXPECT_FALSE(ended.done());
  pool.shutdown({.wait = false});
  ended.result();
}

TEST(ThreadPoolExecutor, work_that_could_not_be_posted_may_use_the_pool_when_it_is_destroyed) {
  ThreadPoolExecutor pool(1);
  pool.shutdown();
  struct Posts {
    explicit Posts(ThreadPoolExecutor& owner) : pool(&owner) {}
    Posts(Posts&& other) noexcept : pool(std::exchange(other.pool, nullptr)) {}
    ~Posts() {
      if (pool != nullptr) pool->shutdown();
    }
    void operator()() const {}
    ThreadPoolExecutor* pool;
  };
  EXPECT_THROW(pool.submit(Posts(pool)), RuntimeError);
}

TEST(ThreadPoolExecutor, may_be_destroyed_by_its_own_work) {
  auto pool = std::make_unique<ThreadPoolExecutor>(1);
  ThreadPoolExecutor& alias = *pool;
  alias.submit([](std::unique_ptr<ThreadPoolExecutor> self) { self.reset(); }, std::move(pool)).result();
}

TEST(ThreadPoolExecutor, each_thread_calls_the_initializer_first) {
  thread_local int prepared = 0;
  ThreadPoolExecutor pool(2, "ready", [] { prepared = 7; });
  EXPECT_EQ(pool.submit([] { return prepared; }).result(), 7);
  EXPECT_EQ(prepared, 0);
}

TEST(ThreadPoolExecutor, is_broken_once_its_initializer_threw) {
  ::testing::internal::CaptureStderr();
  {
    ThreadPoolExecutor pool(1, "broken", [] { throw std::runtime_error("no database"); });
    ThreadFuture<> future = pool.submit([] {});
    EXPECT_THROW(future.result(), BrokenThreadPool);
    EXPECT_THROW(pool.submit([] {}), BrokenThreadPool);
  }
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("no database"), std::string::npos);
}

}  // namespace
