// SPDX-License-Identifier: MIT
// In debug mode what would wake a task from another thread than its loop's is refused, and changes nothing.
#include <asyncio/barrier.h>
#include <asyncio/broadcast.h>
#include <asyncio/capacity_limiter.h>
#include <asyncio/condition.h>
#include <asyncio/event.h>
#include <asyncio/lock.h>
#include <asyncio/queue.h>
#include <asyncio/semaphore.h>

#include "tests/sync/support.h"

#include <functional>
#include <string>
#include <thread>

using namespace asyncio;
using namespace asyncio::testing;

namespace {

std::string message_in_another_thread(const std::function<void()>& operation) {
  std::string message;
  std::thread([&] {
    try {
      operation();
    } catch (const RuntimeError& error) {
      message = error.what();
    }
  }).join();
  return message;
}

// What `operation` throws in another thread while a task of this loop waits; which has to wait on all the same.
template <class A>
Coro<std::string> refusal(A wait, std::function<void()> operation) {
  EventLoop& loop = get_running_loop();
  auto waiting = create_task(detail::as_coro(std::move(wait)));
  co_await settle();
  loop.set_debug(true);
  std::string message = message_in_another_thread(operation);
  loop.set_debug(false);
  co_await settle();
  EXPECT_FALSE(waiting.done());
  waiting.cancel();
  co_await settle();
  EXPECT_TRUE(waiting.cancelled());
  co_return message;
}

std::string refusal_of(const std::string& operation) {
  return operation +
         " is not thread-safe, and was called from another thread than the loop's: use call_soon_threadsafe";
}

ASYNC_TEST(OtherThread, cannot_release_a_lock) {
  Lock lock;
  co_await lock.acquire();
  const std::string message = co_await refusal(lock.acquire(), [&] { lock.release(); });
  EXPECT_EQ(message, refusal_of("Lock.release"));
  EXPECT_TRUE(lock.locked());
}

ASYNC_TEST(OtherThread, cannot_set_an_event) {
  Event event;
  const std::string message = co_await refusal(event.wait(), [&] { event.set(); });
  EXPECT_EQ(message, refusal_of("Event.set"));
  EXPECT_FALSE(event.is_set());
}

ASYNC_TEST(OtherThread, cannot_notify) {
  Condition condition;
  co_await condition.acquire();
  const auto wait = [&]() -> Coro<> {
    auto held = co_await condition.scoped();
    co_await condition.wait();
  };
  condition.release();
  auto waiting = create_task(wait);
  co_await settle();
  co_await condition.acquire();
  get_running_loop().set_debug(true);
  const std::string one = message_in_another_thread([&] { condition.notify(); });
  const std::string all = message_in_another_thread([&] { condition.notify_all(); });
  get_running_loop().set_debug(false);
  condition.release();
  co_await settle();
  EXPECT_FALSE(waiting.done());
  waiting.cancel();
  co_await settle();
  EXPECT_EQ(one, refusal_of("Condition.notify"));
  EXPECT_EQ(all, refusal_of("Condition.notify_all"));
}

ASYNC_TEST(OtherThread, cannot_release_a_semaphore) {
  Semaphore semaphore(0);
  const std::string message = co_await refusal(semaphore.acquire(), [&] { semaphore.release(); });
  EXPECT_EQ(message, refusal_of("Semaphore.release"));
  EXPECT_TRUE(semaphore.locked());
}

ASYNC_TEST(OtherThread, cannot_let_a_barrier_go) {
  Barrier barrier(2);
  const std::string abort = co_await refusal(barrier.wait(), [&] { barrier.abort(); });
  const std::string reset = co_await refusal(barrier.wait(), [&] { barrier.reset(); });
  const std::string wait = co_await refusal(barrier.wait(), [&] { run(detail::as_coro(barrier.wait())); });
  EXPECT_EQ(abort, refusal_of("Barrier.abort"));
  EXPECT_EQ(reset, refusal_of("Barrier.reset"));
  EXPECT_EQ(wait, refusal_of("Barrier.wait"));
  EXPECT_FALSE(barrier.broken());
}

ASYNC_TEST(OtherThread, cannot_serve_those_who_wait_for_a_queue) {
  Queue<int> queue(1);
  const std::string put_nowait = co_await refusal(queue.get(), [&] { queue.put_nowait(1); });
  const std::string put = co_await refusal(queue.get(), [&] { run(detail::as_coro(queue.put(1))); });
  const std::string shutdown = co_await refusal(queue.get(), [&] { queue.shutdown(); });
  EXPECT_EQ(put_nowait, refusal_of("Queue.put"));
  EXPECT_EQ(put, refusal_of("Queue.put"));
  EXPECT_EQ(shutdown, refusal_of("Queue.shutdown"));
  EXPECT_TRUE(queue.empty());
  queue.put_nowait(1);
  const std::string get_nowait = co_await refusal(queue.put(2), [&] { queue.get_nowait(); });
  const std::string task_done = co_await refusal(queue.join(), [&] { queue.task_done(); });
  EXPECT_EQ(get_nowait, refusal_of("Queue.get"));
  EXPECT_EQ(task_done, refusal_of("Queue.task_done"));
  EXPECT_EQ(queue.qsize(), 1);
}

ASYNC_TEST(OtherThread, cannot_send_to_those_who_read_a_broadcast) {
  Broadcast<int> broadcast(1);
  auto subscription = broadcast.subscribe();
  const std::string send = co_await refusal(subscription.next(), [&] { broadcast.send(1); });
  const std::string close = co_await refusal(subscription.next(), [&] { broadcast.close(); });
  EXPECT_EQ(send, refusal_of("Broadcast.send"));
  EXPECT_EQ(close, refusal_of("Broadcast.close"));
  EXPECT_FALSE(broadcast.closed());
}

ASYNC_TEST(OtherThread, cannot_give_the_tokens_of_a_limiter) {
  CapacityLimiter limiter(0);
  const std::string message = co_await refusal(limiter.acquire(), [&] { limiter.set_total_tokens(1); });
  EXPECT_EQ(message, refusal_of("CapacityLimiter.set_total_tokens"));
  EXPECT_EQ(limiter.total_tokens(), 0);
}

ASYNC_TEST(OtherThread, is_not_looked_at_without_debug_mode_or_waiting_tasks) {
  Event event;
  get_running_loop().set_debug(true);
  EXPECT_EQ(message_in_another_thread([&] { event.set(); }), "");
  get_running_loop().set_debug(false);
  EXPECT_TRUE(event.is_set());
  co_return;
}

}  // namespace
