// SPDX-License-Identifier: MIT
#include <asyncio/queue.h>

#include "tests/sync/support.h"

#include <map>
#include <random>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

Coro<> put(Queue<int>& queue, int item) { co_await queue.put(item); }

// How a put, get or join ended.
template <class T>
std::string outcome(const Task<T>& task) {
  if (!task.done()) return "waits";
  try {
    task.result();
    return "done";
  } catch (const QueueShutDown&) {
    return "shut down";
  }
}

// BH-Q-11
ASYNC_TEST(QueueShutdown, refuses_to_put_and_gives_what_there_is) {
  Queue<int> queue;
  queue.put_nowait(1);
  queue.put_nowait(2);
  queue.shutdown();
  int item = 3;
  EXPECT_THROW(queue.put_nowait(item), QueueShutDown);
  EXPECT_TRUE(co_await throws<QueueShutDown>(queue.put(3)));
  EXPECT_EQ(co_await queue.get(), 1);
  EXPECT_EQ(queue.get_nowait(), 2);
  EXPECT_TRUE(co_await throws<QueueShutDown>(queue.get()));
  EXPECT_THROW(queue.get_nowait(), QueueShutDown);
}

// BH-Q-11
ASYNC_TEST(QueueShutdown, ends_the_wait_of_getters) {
  Queue<int> queue;
  auto a = create_task(queue.get());
  auto b = create_task(queue.get());
  co_await settle();
  queue.shutdown();
  co_await settle();
  EXPECT_EQ(outcome(a), "shut down");
  EXPECT_EQ(outcome(b), "shut down");
}

// BH-Q-11
ASYNC_TEST(QueueShutdown, ends_the_wait_of_putters_and_leaves_their_items_out) {
  Queue<int> queue(1);
  queue.put_nowait(1);
  auto a = create_task(put(queue, 2));
  auto b = create_task(put(queue, 3));
  co_await settle();
  queue.shutdown();
  EXPECT_EQ(queue.get_nowait(), 1);
  co_await settle();
  EXPECT_EQ(outcome(a), "shut down");
  EXPECT_EQ(outcome(b), "shut down");
  EXPECT_TRUE(queue.empty());
  queue.task_done();
  EXPECT_FALSE(co_await suspends(queue.join()));  // their items do not count either
}

// BH-Q-11
ASYNC_TEST(QueueShutdown, leaves_an_item_with_the_getter_that_has_it) {
  Queue<int> queue;
  auto getter = create_task(queue.get());
  co_await settle();
  queue.put_nowait(1);
  queue.shutdown({.immediate = true});
  EXPECT_EQ(co_await getter, 1);
}

// BH-Q-11
ASYNC_TEST(QueueShutdown, ends_a_loop_over_next) {
  Queue<int> queue(1);
  auto worker = create_task(
      [](Queue<int>& items) -> Coro<int> {
        int sum = 0;
        while (auto item = co_await items.next()) {
          sum += *item;
          items.task_done();
          co_await sleep(1s);
        }
        co_return sum;
      },
      std::ref(queue));
  for (int i = 1; i <= 4; ++i) co_await queue.put(i);
  queue.shutdown();
  EXPECT_EQ(co_await worker, 10);
  EXPECT_FALSE((co_await queue.next()).has_value());
}

ASYNC_TEST(QueueShutdown, ends_the_wait_of_next) {
  Queue<int> queue;
  auto worker = create_task(queue.next());
  co_await settle();
  EXPECT_EQ(reason(worker), "Queue.get");
  queue.shutdown();
  EXPECT_FALSE((co_await worker).has_value());

  auto cancelled = create_task(Queue<int>().next());
  cancelled.cancel();
  co_await settle();
  EXPECT_TRUE(cancelled.cancelled());
}

// BH-Q-12
ASYNC_TEST(QueueShutdown, that_is_immediate_throws_the_items_away) {
  Queue<int> queue;
  for (int i = 0; i < 3; ++i) queue.put_nowait(i);
  auto joiner = create_task(queue.join());
  co_await settle();
  queue.shutdown({.immediate = true});
  EXPECT_TRUE(queue.empty());
  EXPECT_THROW(queue.get_nowait(), QueueShutDown);
  co_await settle();
  EXPECT_EQ(outcome(joiner), "done");
  EXPECT_THROW(queue.task_done(), ValueError);
}

// BH-Q-13
ASYNC_TEST(QueueShutdown, leaves_the_work_on_items_that_were_taken_to_be_finished) {
  Queue<int> queue;
  for (int i = 0; i < 3; ++i) queue.put_nowait(i);
  EXPECT_EQ(queue.get_nowait(), 0);
  auto joiner = create_task(queue.join());
  co_await settle();
  queue.shutdown({.immediate = true});
  co_await settle();
  EXPECT_EQ(outcome(joiner), "waits");
  queue.task_done();
  co_await settle();
  EXPECT_EQ(outcome(joiner), "done");
  EXPECT_THROW(queue.task_done(), ValueError);
}

// BH-Q-14
ASYNC_TEST(QueueShutdown, can_be_repeated_and_become_immediate) {
  Queue<int> queue;
  queue.put_nowait(1);
  queue.shutdown();
  queue.shutdown();
  EXPECT_EQ(queue.qsize(), 1);
  queue.shutdown({.immediate = true});
  EXPECT_EQ(queue.qsize(), 0);
  queue.shutdown();
  EXPECT_TRUE(co_await throws<QueueShutDown>(queue.get()));
  EXPECT_TRUE(co_await throws<QueueShutDown>(queue.put(1)));
}

// Asks its queue for its size when it goes.
struct Curious {
  Curious(Queue<Curious>& owner, std::vector<int>& sizes) : queue(&owner), seen(&sizes) {}
  Curious(Curious&& other) noexcept : queue(std::exchange(other.queue, nullptr)), seen(other.seen) {}
  ~Curious() {
    if (queue != nullptr) seen->push_back(queue->qsize());
  }
  Queue<Curious>* queue;
  std::vector<int>* seen;
};

TEST(QueueShutdown, lets_destructors_of_items_call_back) {
  std::vector<int> sizes;
  Queue<Curious> queue;
  for (int i = 0; i < 3; ++i) queue.put_nowait(Curious(queue, sizes));
  queue.shutdown({.immediate = true});
  EXPECT_EQ(sizes, (std::vector<int>{2, 1, 0}));
}

// --- whatever is cancelled, each item that was put is taken once

struct Ledger {
  std::vector<int> put;    // in the order of the producers' turns
  std::map<int, int> got;  // how often
};

Coro<> produce(Queue<int>& queue, Ledger& ledger, int& next, unsigned seed) {
  std::minstd_rand random(seed);
  for (int i = 0; i < 10; ++i) {
    const int item = next++;
    co_await queue.put(item);
    ledger.put.push_back(item);  // not where the put was cancelled
    if (random() % 2 == 0) co_await sleep(std::chrono::milliseconds(random() % 3));
  }
}

Coro<> consume(Queue<int>& queue, Ledger& ledger, unsigned seed) {
  std::minstd_rand random(seed);
  while (auto item = co_await queue.next()) {
    ++ledger.got[*item];
    queue.task_done();
    if (random() % 2 == 0) co_await sleep(std::chrono::milliseconds(random() % 3));
  }
}

// BH-Q-05, BH-Q-06, BH-Q-08
ASYNC_TEST(Queue, loses_and_doubles_no_item_however_its_users_are_cancelled) {
  std::mt19937 random(4711);
  for (int round = 0; round < 60; ++round) {
    Queue<int> queue(round % 5);
    Ledger ledger;
    int next = 0;
    std::vector<Task<>> tasks;
    for (int step = 0; step < 120; ++step) {
      const unsigned seed = random() % 10000 + 1;
      switch (random() % 6) {
        case 0:
          tasks.push_back(create_task(produce(queue, ledger, next, seed)));
          break;
        case 1:
          tasks.push_back(create_task(consume(queue, ledger, seed)));
          break;
        case 2:
        case 3:
          if (!tasks.empty()) tasks[random() % tasks.size()].cancel();
          break;
        default:
          co_await sleep(std::chrono::milliseconds(random() % 2));
      }
    }
    if (round % 2 == 0) {
      for (const Task<>& task : tasks) task.cancel();  // a queue with items in it
    } else {
      tasks.push_back(create_task(consume(queue, ledger, 1)));  // an empty one
      co_await sleep(1h);
      queue.shutdown();
    }
    co_await sleep(1h);
    for (const Task<>& task : tasks) EXPECT_TRUE(task.done());
    while (!queue.empty()) {
      ++ledger.got[queue.get_nowait()];
      queue.task_done();
    }
    EXPECT_THROW(queue.task_done(), ValueError);
    EXPECT_EQ(ledger.got.size(), ledger.put.size());
    for (const int item : ledger.put) EXPECT_EQ(ledger.got[item], 1) << "item " << item << " in round " << round;
  }
}

// BH-Q-03
ASYNC_TEST(Queue, keeps_the_order_of_each_producer) {
  std::mt19937 random(3);
  Queue<std::pair<int, int>> queue(3);
  std::vector<Task<>> producers;
  for (int who = 0; who < 5; ++who) {
    producers.push_back(create_task(
        [](Queue<std::pair<int, int>>& items, int me, unsigned seed) -> Coro<> {
          std::minstd_rand pauses(seed);
          for (int i = 0; i < 200; ++i) {
            co_await items.put({me, i});
            if (pauses() % 3 == 0) co_await sleep(std::chrono::milliseconds(pauses() % 3));
          }
        },
        std::ref(queue), who, static_cast<unsigned>(random() % 1000 + 1)));
  }
  std::vector<int> expected(5, 0);
  for (int i = 0; i < 5 * 200; ++i) {
    auto item = co_await queue.get();
    EXPECT_EQ(item.second, expected[static_cast<std::size_t>(item.first)]++);
    if (random() % 4 == 0) co_await sleep(1ms);
  }
  EXPECT_TRUE(queue.empty());
}

}  // namespace
