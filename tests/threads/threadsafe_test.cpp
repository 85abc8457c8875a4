// SPDX-License-Identifier: MIT
#include <asyncio/event_loop.h>
#include <asyncio/testing.h>

#include <atomic>
#include <thread>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

// Holds up another thread until it is told to go on.
class Signal {
 public:
  void set() {
    set_.store(true, std::memory_order_release);
    set_.notify_all();
  }
  void wait() const { set_.wait(false, std::memory_order_acquire); }

 private:
  std::atomic<bool> set_ = false;
};

// BH-LOOP-12
ASYNC_IO_TEST(CallSoonThreadsafe, wakes_a_loop_that_waits) {
  EventLoop& loop = get_running_loop();
  Future<int> answer;
  std::thread other([&] { loop.call_soon_threadsafe([&] { answer.set_result(42); }); });
  EXPECT_EQ(co_await answer, 42);  // nothing else would wake it
  other.join();
}

// BH-LOOP-12
ASYNC_IO_TEST(CallSoonThreadsafe, none_of_many_calls_is_lost_and_those_of_one_thread_keep_their_order) {
  EventLoop& loop = get_running_loop();
  constexpr int threads = 4;
  constexpr int calls = 5000;
  std::vector<std::vector<int>> got(threads);
  int left = threads * calls;
  Future<> all;
  std::vector<std::thread> senders;
  for (int t = 0; t < threads; ++t) {
    senders.emplace_back([&, t] {
      for (int i = 0; i < calls; ++i) {
        loop.call_soon_threadsafe([&, t, i] {
          got[static_cast<std::size_t>(t)].push_back(i);
          if (--left == 0) all.set_result();
        });
      }
    });
  }
  co_await all;
  for (std::thread& sender : senders) sender.join();
  for (const std::vector<int>& one : got) {
    require(one.size() == calls);
    for (int i = 0; i < calls; ++i) require(one[static_cast<std::size_t>(i)] == i);
  }
}

// BH-LOOP-12
TEST(CallSoonThreadsafe, calls_before_the_run_are_kept_for_it) {
  EventLoop loop;
  int runs = 0;
  for (int i = 0; i < 100'000; ++i) loop.call_soon_threadsafe([&] { ++runs; });
  loop.stop();
  loop.run_forever();
  EXPECT_EQ(runs, 100'000);
}

// BH-LOOP-13
TEST(CallSoonThreadsafe, throws_in_the_calling_thread_where_the_loop_is_closed) {
  EventLoop loop;
  loop.close();
  bool thrown = false;
  std::thread([&] {
    try {
      loop.call_soon_threadsafe([] {});
    } catch (const RuntimeError&) {
      thrown = true;
    }
  }).join();
  EXPECT_TRUE(thrown);
}

// BH-LOOP-14
ASYNC_TEST(ThreadsafeHandle, a_cancel_before_the_run_wins) {
  EventLoop& loop = get_running_loop();
  int runs = 0;
  auto held = std::make_shared<int>(1);
  ThreadsafeHandle handle = loop.call_soon_threadsafe([&runs, held] { ++runs; });
  bool cancelled = false;
  std::thread([&] { cancelled = handle.cancel(); }).join();
  EXPECT_TRUE(cancelled);
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_FALSE(handle.cancel());
  co_await settle();
  EXPECT_EQ(runs, 0);
}

// BH-LOOP-14
ASYNC_IO_TEST(ThreadsafeHandle, a_cancel_during_the_run_waits_for_its_end) {
  EventLoop& loop = get_running_loop();
  Signal runs;
  Signal cancelling;
  std::atomic<bool> ended = false;
  bool ended_first = false;
  bool cancelled = true;
  auto held = std::make_shared<int>(1);
  ThreadsafeHandle handle = loop.call_soon_threadsafe([&, held] {
    runs.set();
    cancelling.wait();
    for (int i = 0; i < 100; ++i) std::this_thread::yield();
    ended = true;
  });
  std::thread other([&] {
    runs.wait();
    cancelling.set();
    cancelled = handle.cancel();
    ended_first = ended && held.use_count() == 1;
  });
  while (!ended) co_await sleep(0s);
  other.join();
  EXPECT_FALSE(cancelled);
  EXPECT_TRUE(ended_first);
}

// BH-LOOP-14
ASYNC_TEST(ThreadsafeHandle, a_callback_that_cancels_itself_does_not_wait_for_itself) {
  EventLoop& loop = get_running_loop();
  bool cancelled = true;
  ThreadsafeHandle handle;
  handle = loop.call_soon_threadsafe([&] { cancelled = handle.cancel(); });
  co_await settle();
  EXPECT_FALSE(cancelled);
  EXPECT_FALSE(handle.cancel());
}

ASYNC_TEST(ThreadsafeHandle, one_of_a_batch_may_cancel_a_later_one) {
  EventLoop& loop = get_running_loop();
  std::string log;
  ThreadsafeHandle second;
  loop.call_soon_threadsafe([&] {
    log += 'a';
    EXPECT_TRUE(second.cancel());
  });
  second = loop.call_soon_threadsafe([&] { log += 'b'; });
  loop.call_soon_threadsafe([&] { log += 'c'; });
  co_await settle();
  EXPECT_EQ(log, "ac");
}

TEST(ThreadsafeHandle, may_outlive_its_loop) {
  ThreadsafeHandle handle;
  {
    EventLoop loop;
    handle = loop.call_soon_threadsafe([] {});
  }
  const ThreadsafeHandle copy = handle;
  EXPECT_FALSE(copy.cancel());
}

// BH-LOOP-14
ASYNC_IO_TEST(ThreadsafeHandle, cancels_that_race_with_the_loop_either_prevent_a_call_or_wait_for_its_end) {
  EventLoop& loop = get_running_loop();
  constexpr std::size_t threads = 3;
  constexpr std::size_t calls = 5000;
  std::vector<int> wrong(threads, 0);
  std::vector<std::thread> senders;
  std::atomic<std::size_t> left = threads;
  Future<> all;
  for (int& wrong_here : wrong) {
    senders.emplace_back([&] {
      for (std::size_t i = 0; i < calls; ++i) {
        bool ran = false;  // a cancel orders the accesses of the two threads
        ThreadsafeHandle handle = loop.call_soon_threadsafe([&ran] { ran = true; });
        // Up to some microseconds, without leaving the processor to others: on a busy machine that takes for ever.
        for (std::size_t pause = 0; pause < i % 64 * 32; ++pause) left.load();
        if (i % 64 == 0) std::this_thread::yield();
        const bool cancelled = handle.cancel();
        if (cancelled == ran) ++wrong_here;
      }
      if (--left == 0) loop.call_soon_threadsafe([&] { all.set_result(); });
    });
  }
  co_await all;
  for (std::thread& sender : senders) sender.join();
  EXPECT_EQ(wrong, std::vector<int>(threads, 0));
}

ASYNC_TEST(CallSoonThreadsafe, an_exception_is_reported) {
  get_running_loop().call_soon_threadsafe([] { throw std::runtime_error("oops"); });
  co_await settle();
  EXPECT_EQ(take_reports(), std::vector<std::string>{"Exception in a callback from another thread: oops"});
}

}  // namespace
