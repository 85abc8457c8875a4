// SPDX-License-Identifier: MIT
// Items whose operations throw, or come back to the container that they are in.
#include <asyncio/broadcast.h>
#include <asyncio/exception_group.h>
#include <asyncio/queue.h>
#include <asyncio/task.h>
#include <asyncio/testing.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

using namespace asyncio;
using namespace asyncio::testing;

namespace {

struct Blown : std::runtime_error {
  Blown() : std::runtime_error("the fuse") {}
};

// The nth operation of an item throws.
struct Fuse {
  static inline int left = -1;
  static inline int alive = 0;
  static void burn() {
    if (left > 0 && --left == 0) throw Blown();  // a negative one does not burn
  }
};

// Copies, moves and comparisons may throw. It knows whether its value was moved away.
class Item {
 public:
  Item(int value) : value_(value) { ++Fuse::alive; }
  Item(const Item& other) : value_((Fuse::burn(), other.value_)) { ++Fuse::alive; }
  Item(Item&& other) : value_((Fuse::burn(), std::exchange(other.value_, -1))) { ++Fuse::alive; }
  Item& operator=(const Item&) = delete;
  ~Item() { --Fuse::alive; }
  int value() const { return value_; }
  bool operator<(const Item& other) const {
    Fuse::burn();
    return value_ < other.value_;
  }

 private:
  int value_;
};

// Runs `use` with its nth operation failing, for each n until none fails; `check` looks at what each leaves behind.
template <class Use>
int for_each_failure(Use use) {
  for (int n = 1;; ++n) {
    Fuse::left = n;
    const bool failed = use();
    const bool through = Fuse::left > 0;
    Fuse::left = -1;
    EXPECT_EQ(Fuse::alive, 0) << "at " << n;
    if (through) {
      EXPECT_FALSE(failed);
      return n;
    }
    EXPECT_TRUE(failed) << "at " << n;
  }
}

// What `call` throws is a Blown, or nothing.
template <class F>
bool blows(F call) {
  try {
    call();
    return false;
  } catch (const Blown&) {
    return true;
  }
}

template <class Q>
std::vector<int> drain(Q& queue) {
  Fuse::left = -1;
  std::vector<int> values;
  while (!queue.empty()) values.push_back(queue.get_nowait().value());
  return values;
}

template <class Q>
void a_failing_put_changes_nothing(std::vector<int> without, std::vector<int> with) {
  const int steps = for_each_failure([&] {
    Fuse::left *= -1;
    Q queue;
    for (int value : {3, 1, 5, 2, 4}) queue.put_nowait(Item(value));
    Fuse::left *= -1;
    const bool failed = blows([&] { queue.put_nowait(Item(0)); });
    EXPECT_EQ(queue.qsize(), failed ? 5 : 6);
    const int left = Fuse::left;
    EXPECT_EQ(drain(queue), failed ? without : with);
    Fuse::left = left;
    return failed;
  });
  EXPECT_GT(steps, 1);
}

template <class Q>
void a_failing_get_takes_nothing(const std::vector<int>& all) {
  const int steps = for_each_failure([&] {
    Fuse::left *= -1;
    Q queue;
    for (int value : {3, 1, 5, 2, 4}) queue.put_nowait(Item(value));
    Fuse::left *= -1;
    int got = 0;
    const bool failed = blows([&] { got = queue.get_nowait().value(); });
    const int left = Fuse::left;
    std::vector<int> values = drain(queue);
    if (!failed) values.insert(values.begin(), got);
    EXPECT_EQ(values, all);
    Fuse::left = left;
    return failed;
  });
  EXPECT_GT(steps, 1);
}

ASYNC_TEST(ItemFailure, a_failing_put_changes_nothing) {
  a_failing_put_changes_nothing<Queue<Item>>({3, 1, 5, 2, 4}, {3, 1, 5, 2, 4, 0});
  a_failing_put_changes_nothing<LifoQueue<Item>>({4, 2, 5, 1, 3}, {0, 4, 2, 5, 1, 3});
  a_failing_put_changes_nothing<PriorityQueue<Item>>({1, 2, 3, 4, 5}, {0, 1, 2, 3, 4, 5});
  co_return;
}

ASYNC_TEST(ItemFailure, a_failing_get_takes_nothing) {
  a_failing_get_takes_nothing<Queue<Item>>({3, 1, 5, 2, 4});
  a_failing_get_takes_nothing<LifoQueue<Item>>({4, 2, 5, 1, 3});
  a_failing_get_takes_nothing<PriorityQueue<Item>>({1, 2, 3, 4, 5});
  co_return;
}

ASYNC_TEST(ItemFailure, equal_items_keep_their_order_when_one_comes_back) {
  struct ByTens {
    bool operator()(const Item& a, const Item& b) const { return a.value() / 10 < b.value() / 10; }
  };
  PriorityQueue<Item, ByTens> queue;
  for (int value : {10, 11, 12, 20}) queue.put_nowait(Item(value));
  Fuse::left = 1;
  EXPECT_TRUE(blows([&] { queue.get_nowait(); }));
  queue.put_nowait(Item(13));
  EXPECT_EQ(drain(queue), (std::vector<int>{10, 11, 12, 13, 20}));
  co_return;
}

ASYNC_TEST(ItemFailure, a_getter_that_cannot_take_its_item_leaves_it_to_the_next) {
  Queue<Item> queue;
  int failures = 0;
  std::vector<int> got;
  auto take = [](Queue<Item>& from, int& failed, std::vector<int>& taken) -> Coro<> {
    try {
      taken.push_back((co_await from.get()).value());
    } catch (const Blown&) {
      ++failed;
    }
  };
  auto first = create_task(take, std::ref(queue), std::ref(failures), std::ref(got));
  auto second = create_task(take, std::ref(queue), std::ref(failures), std::ref(got));
  co_await settle();
  queue.put_nowait(Item(1));
  Fuse::left = 1;
  co_await settle();
  EXPECT_EQ(failures, 1);
  EXPECT_EQ(got, std::vector<int>{1});
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(Fuse::alive, 0);
}

ASYNC_TEST(ItemFailure, an_item_comes_back_to_the_queue_where_nobody_else_waits) {
  Queue<Item> queue;
  auto taker = create_task([](Queue<Item>& from) -> Coro<> { co_await from.get(); }, std::ref(queue));
  co_await settle();
  queue.put_nowait(Item(1));
  Fuse::left = 1;
  co_await settle();
  EXPECT_TRUE(detail::holds<Blown>(taker.exception()));
  EXPECT_EQ(queue.qsize(), 1);
  EXPECT_EQ(drain(queue), std::vector<int>{1});
}

ASYNC_TEST(ItemFailure, a_get_does_not_fail_for_the_item_of_a_putter_that_waits) {
  for (int n = 1; n <= 4; ++n) {
    PriorityQueue<Item> queue(2);
    queue.put_nowait(Item(1));
    queue.put_nowait(Item(2));
    auto putter = create_task([](PriorityQueue<Item>& to) -> Coro<> { co_await to.put(Item(0)); }, std::ref(queue));
    co_await settle();
    Fuse::left = n;
    int got = 0;
    const bool failed = blows([&] { got = queue.get_nowait().value(); });
    Fuse::left = -1;
    co_await settle();
    if (failed) {
      EXPECT_FALSE(putter.done());
      queue.get_nowait();
      co_await settle();
    } else {
      EXPECT_EQ(got, 1);
    }
    EXPECT_TRUE(putter.done());
    const bool put = putter.exception() == nullptr;
    EXPECT_EQ(drain(queue), put ? (std::vector<int>{0, 2}) : std::vector<int>{2}) << n;
  }
  EXPECT_EQ(Fuse::alive, 0);
}

ASYNC_TEST(ItemFailure, a_failing_send_sends_nothing_and_a_failing_copy_is_read_again) {
  for_each_failure([] {
    Fuse::left *= -1;
    Broadcast<Item> items(2);
    auto reader = items.subscribe();
    items.send(Item(1));
    items.send(Item(2));
    Fuse::left *= -1;
    const bool failed = blows([&] { items.send(Item(3)); });
    Fuse::left *= -1;
    EXPECT_EQ(reader.behind(), failed ? 2U : 3U);
    Fuse::left *= -1;
    return failed;
  });
  Broadcast<Item> items(2);
  auto reader = items.subscribe();
  items.send(Item(1));
  items.send(Item(2));
  items.close();
  std::vector<int> read;
  for (int n = 1; read.size() < 2; ++n) {
    Fuse::left = n % 3;
    try {
      read.push_back((co_await reader.next())->value());
    } catch (const Blown&) {
    }
    Fuse::left = -1;
  }
  EXPECT_EQ(read, (std::vector<int>{1, 2}));
}

// Calls back when it is destroyed, or copied.
struct Caller {
  explicit Caller(int number, std::function<void()> call = {}) : value(number), on_end(std::move(call)) { ++alive; }
  Caller(const Caller& other) : value(other.value), on_copy(other.on_copy) {
    ++alive;
    if (on_copy) std::exchange(on_copy, nullptr)();
  }
  Caller(Caller&& other) noexcept
      : value(std::exchange(other.value, -1)),
        on_end(std::exchange(other.on_end, nullptr)),
        on_copy(std::exchange(other.on_copy, nullptr)) {
    ++alive;
  }
  Caller& operator=(const Caller&) = delete;
  ~Caller() {
    --alive;
    if (on_end) std::exchange(on_end, nullptr)();
  }
  int value;
  std::function<void()> on_end;
  mutable std::function<void()> on_copy;
  static inline int alive = 0;
};

ASYNC_TEST(ItemFailure, the_destructor_of_an_item_may_send) {
  {
    Broadcast<Caller> items(2);
    auto reader = items.subscribe();
    items.send(Caller(1, [&items] { items.send(Caller(10)); }));
    items.send(Caller(2));
    items.send(Caller(3));  // drops the first, whose destructor sends one more
    EXPECT_EQ(reader.behind(), 4U);
    EXPECT_THROW(co_await reader.next(), Lagged);
    EXPECT_EQ((co_await reader.next())->value, 3);
    EXPECT_EQ((co_await reader.next())->value, 10);
  }
  EXPECT_EQ(Caller::alive, 0);
}

ASYNC_TEST(ItemFailure, an_item_that_is_dropped_while_it_is_copied_is_copied_whole) {
  Broadcast<Caller> items(1);
  auto reader = items.subscribe();
  Caller first(1);
  first.on_copy = [&items] { items.send(Caller(2)); };
  items.send(std::move(first));
  EXPECT_EQ((co_await reader.next())->value, 1);
  EXPECT_EQ((co_await reader.next())->value, 2);
}

template <class Q>
void use_queue_in_destructors() {
  {
    Q queue;
    int puts = 0;
    for (int i = 0; i < 20; ++i) {
      queue.put_nowait(Caller(i, [&queue, &puts] {
        if (++puts % 3 != 0) queue.put_nowait(Caller(100));
        if (!queue.empty()) queue.get_nowait();
      }));
    }
    while (!queue.empty()) queue.get_nowait();
    EXPECT_EQ(queue.qsize(), 0);
    EXPECT_EQ(puts, 20);
  }
  EXPECT_EQ(Caller::alive, 0);
}
struct LessCaller {
  bool operator()(const Caller& a, const Caller& b) const { return a.value < b.value; }
};

ASYNC_TEST(ItemFailure, the_destructor_of_an_item_may_use_its_queue) {
  use_queue_in_destructors<Queue<Caller>>();
  use_queue_in_destructors<LifoQueue<Caller>>();
  use_queue_in_destructors<PriorityQueue<Caller, LessCaller>>();
  co_return;
}

ASYNC_TEST(ItemFailure, the_copy_of_an_item_may_fill_its_queue) {
  Queue<Caller> queue(1);
  Caller item(1);
  item.on_copy = [&queue] { queue.put_nowait(Caller(2)); };
  EXPECT_THROW(queue.put_nowait(item), QueueFull);
  EXPECT_EQ(queue.get_nowait().value, 2);
  EXPECT_TRUE(queue.empty());
  co_return;
}

ASYNC_TEST(ItemFailure, a_shutdown_ends_though_items_put_more_in_their_destructors) {
  Queue<Caller> queue;
  int refused = 0;
  for (int i = 0; i < 3; ++i) {
    queue.put_nowait(Caller(i, [&] {
      try {
        queue.put_nowait(Caller(9));
      } catch (const QueueShutDown&) {
        ++refused;
      }
    }));
  }
  queue.shutdown({.immediate = true});
  EXPECT_EQ(refused, 3);
  EXPECT_TRUE(queue.empty());
  co_await queue.join();
}

ASYNC_TEST(Queue, emplace_makes_the_item_in_its_place) {
  struct Fixed {
    Fixed(int a, int b) : sum(a + b) {}
    Fixed(Fixed&&) = default;
    int sum;
    std::unique_ptr<int> more;
  };
  Queue<Fixed> queue(1);
  co_await queue.emplace(1, 2);
  auto putter = create_task([](Queue<Fixed>& to) -> Coro<> { co_await to.emplace(3, 4); }, std::ref(queue));
  co_await settle();
  EXPECT_THROW(queue.emplace_nowait(5, 6), QueueFull);
  EXPECT_EQ((co_await queue.get()).sum, 3);
  EXPECT_EQ((co_await queue.get()).sum, 7);
  queue.emplace_nowait(5, 6);
  EXPECT_EQ(queue.get_nowait().sum, 11);
  co_await settle();
  EXPECT_TRUE(putter.done());
}

ASYNC_TEST(ItemFailure, a_result_that_cannot_be_moved_is_the_error_of_its_task) {
  int failures = 0;
  for (int n = 1; n < 10; ++n) {
    auto task = create_task([]() -> Coro<Item> { co_return Item(1); });
    Fuse::left = n;
    co_await settle();
    const bool blown = Fuse::left == 0;
    Fuse::left = -1;
    EXPECT_TRUE(task.done());
    EXPECT_EQ(detail::holds<Blown>(task.exception() != nullptr ? task.exception() : std::make_exception_ptr(0)), blown);
    failures += blown;
  }
  EXPECT_GT(failures, 0);
  EXPECT_EQ(Fuse::alive, 0);
}

ASYNC_TEST(ItemFailure, a_future_that_could_not_take_a_value_is_pending_still) {
  Future<Item> future;
  const Item one(1);
  Fuse::left = 1;
  EXPECT_TRUE(blows([&] { future.set_result(one); }));
  EXPECT_FALSE(future.done());
  future.set_result(one);
  EXPECT_EQ(future.result().value(), 1);
  co_return;
}

ASYNC_TEST(ItemFailure, a_value_cannot_end_the_future_that_it_is_made_for) {
  Future<Caller> future;
  Caller value(1);
  int refused = 0;
  value.on_copy = [&] {
    EXPECT_FALSE(future.cancel());
    try {
      future.set_exception(Blown());
    } catch (const InvalidStateError&) {
      ++refused;
    }
  };
  future.set_result(value);
  EXPECT_EQ(refused, 1);
  EXPECT_EQ(future.result().value, 1);
  co_return;
}

}  // namespace
