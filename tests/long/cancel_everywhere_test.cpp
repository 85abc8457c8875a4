// SPDX-License-Identifier: MIT
// Cancels at every step, and in thousands of random programs: whatever a cancel meets, nothing gets lost.
#include <asyncio/lock.h>
#include <asyncio/queue.h>
#include <asyncio/semaphore.h>
#include <asyncio/task_group.h>
#include <asyncio/testing.h>
#include <asyncio/timeout.h>
#include <asyncio/with.h>

#include <random>
#include <string>
#include <vector>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

Coro<> let_run(int steps) {
  for (int i = 0; i < steps; ++i) co_await sleep(0s);
}

Coro<> use(Semaphore& semaphore, int& within) {
  for (int i = 0; i < 3; ++i) {
    auto held = co_await semaphore.scoped();
    ++within;
    struct Leave {
      int& within;
      ~Leave() { --within; }
    } leave{within};
    EXPECT_LE(within, 2);
    co_await let_run(2);
  }
}

// How many permits there are: all that can be had at once.
int permits_of(Semaphore& semaphore) {
  int permits = 0;
  while (semaphore.try_acquire()) ++permits;
  return permits;
}

ASYNC_TEST(CancelEverywhere, a_semaphore_keeps_its_permits) {
  for (std::size_t victim = 0; victim < 4; ++victim) {
    for (int step = 0; step < 40; ++step) {
      Semaphore semaphore(2);
      int within = 0;
      std::vector<Task<>> users;
      for (int i = 0; i < 4; ++i) users.push_back(create_task(use(semaphore, within)));
      co_await let_run(step);
      users[victim].cancel();
      co_await settle();
      for (const Task<>& user : users) EXPECT_TRUE(user.done());
      EXPECT_EQ(within, 0);
      EXPECT_EQ(permits_of(semaphore), 2) << victim << " at " << step;
    }
  }
}

Coro<> produce(Queue<int>& queue, int count, int& produced) {
  for (int i = 0; i < count; ++i) {
    co_await queue.put(i);
    produced = i + 1;
    co_await let_run(i % 2);
  }
}
Coro<> consume(Queue<int>& queue, std::vector<int>& items) {
  while (true) {
    const int item = co_await queue.get();
    items.push_back(item);
    co_await let_run(item % 3);
  }
}

void expect_in_order(const std::vector<int>& items, int count, const std::string& what) {
  EXPECT_EQ(items.size(), static_cast<std::size_t>(count)) << what;
  for (std::size_t i = 0; i < items.size(); ++i) EXPECT_EQ(items[i], static_cast<int>(i)) << what;
}

ASYNC_TEST(CancelEverywhere, a_queue_loses_and_repeats_no_item) {
  constexpr int count = 12;
  for (const bool producer_is_hit : {true, false}) {
    for (int step = 0; step < 60; ++step) {
      Queue<int> queue(2);
      std::vector<int> items;
      int produced = 0;
      Task<> producer = create_task(produce(queue, count, produced));
      Task<> consumer = create_task(consume(queue, items));
      co_await let_run(step);
      (producer_is_hit ? producer : consumer).cancel();
      co_await settle();
      // Whoever is left goes on; what the consumer has left over is taken here.
      if (!producer_is_hit) {
        Task<> second = create_task(consume(queue, items));
        co_await settle();
        second.cancel();
      }
      consumer.cancel();
      co_await settle();
      EXPECT_TRUE(producer.done());
      EXPECT_TRUE(queue.empty());
      // An item whose put() took effect is there, even where the producer was cancelled before it could note that.
      EXPECT_GE(items.size(), static_cast<std::size_t>(produced));
      EXPECT_LE(items.size(), static_cast<std::size_t>(produced) + 1);
      expect_in_order(items, producer_is_hit ? static_cast<int>(items.size()) : count, std::to_string(step));
    }
  }
}

struct World {
  explicit World(unsigned seed) : random(seed) {}
  int below(int limit) { return static_cast<int>(random() % static_cast<unsigned>(limit)); }

  std::mt19937 random;
  Lock lock;
  Semaphore semaphore{2};
  Queue<int> queue{3};
  int put = 0;
  int taken = 0;
};

Coro<> do_anything(World& world, int depth) {
  for (int i = 0; i < 6; ++i) {
    switch (world.below(depth > 0 ? 7 : 5)) {
      case 0: {
        auto held = co_await world.lock.scoped();
        co_await let_run(world.below(3));
        break;
      }
      case 1: {
        auto held = co_await world.semaphore.scoped();
        co_await sleep(std::chrono::milliseconds(world.below(3)));
        break;
      }
      case 2:
        ++world.put;
        try {
          co_await world.queue.put(1);
        } catch (...) {
          --world.put;
          throw;
        }
        break;
      case 3:
        co_await world.queue.get();
        ++world.taken;
        break;
      case 4:
        co_await sleep(std::chrono::milliseconds(world.below(4)));
        break;
      case 5:
        co_await with(TaskGroup(), [&world, depth](TaskGroup& group) -> Coro<> {
          for (int child = 0; child < 3; ++child) group.create_task(do_anything(world, depth - 1));
          co_await let_run(world.below(4));
        });
        break;
      default: {
        bool late = false;
        try {
          co_await with(timeout(std::chrono::milliseconds(world.below(5))),
                        [&world, depth]() -> Coro<> { co_await do_anything(world, depth - 1); });
        } catch (const TimeoutError&) {
          late = true;
        }
        if (late) co_await sleep(0s);
      }
    }
  }
}

ASYNC_TEST(CancelEverywhere, random_programs_leave_everything_as_it_was) {
  int taken = 0;
  for (unsigned seed = 0; seed < 50'000; ++seed) {
    World world(seed);
    std::vector<Task<>> tasks;
    for (int i = 0; i < 5; ++i) tasks.push_back(create_task(do_anything(world, 2)));
    for (int i = 0; i < 8; ++i) {
      co_await let_run(world.below(5));
      co_await sleep(std::chrono::milliseconds(world.below(3)));
      tasks[static_cast<std::size_t>(world.below(5))].cancel();
    }
    for (const Task<>& task : tasks) task.cancel();
    co_await settle();
    for (const Task<>& task : tasks) EXPECT_TRUE(task.done()) << seed;
    EXPECT_EQ(all_tasks().size(), 1u) << seed;
    EXPECT_FALSE(world.lock.locked()) << seed;
    EXPECT_EQ(permits_of(world.semaphore), 2) << seed;
    EXPECT_EQ(world.queue.qsize(), world.put - world.taken) << seed;
    taken += world.taken;
  }
  EXPECT_GT(taken, 50'000);  // they do something
}

}  // namespace
