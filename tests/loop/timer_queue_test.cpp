// SPDX-License-Identifier: MIT
#include "loop/timer_queue.h"

#include <gtest/gtest.h>

#include <malloc.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

using asyncio::detail::TimerNode;
using asyncio::detail::TimerQueue;

namespace {

constexpr std::int64_t first_time = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t last_time = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t hour = 3600 * second;
constexpr std::int64_t year = 365 * 24 * hour;
constexpr std::int64_t start = 987'654'321'012'345;  // of a clock that has run for eleven days

static_assert(sizeof(TimerQueue) < 18 * 1024);

// A queue whose nodes have letters for names.
class Letters {
 public:
  TimerNode& operator[](char name) { return nodes_[name - '0']; }

  void arm(std::string_view names, std::int64_t deadline) {
    for (char name : names) queue.arm((*this)[name], deadline);
  }

  // Pops whatever is due, and says who it was.
  std::string due(std::int64_t now) {
    std::string names;
    while (TimerNode* node = queue.pop_due(now)) {
      EXPECT_FALSE(node->armed());
      names += static_cast<char>('0' + (node - nodes_));
    }
    return names;
  }

 private:
  TimerNode nodes_['z' - '0' + 1];

 public:
  TimerQueue queue;  // goes first, and disarms the nodes
};

}  // namespace

TEST(TimerQueue, fires_at_the_deadline_and_not_a_nanosecond_earlier) {
  Letters timers;
  for (int exponent = 0; exponent < 63; ++exponent) {
    const std::int64_t deadline = start + (std::int64_t{1} << exponent);
    timers.queue.pop_due(start);
    timers.arm("a", deadline);
    EXPECT_EQ(timers.queue.next(), deadline);
    EXPECT_EQ(timers.due(deadline - 1), "");
    EXPECT_EQ(timers.queue.next(), deadline);
    EXPECT_EQ(timers.due(deadline), "a");
    EXPECT_EQ(timers.queue.next(), last_time);
  }
}

TEST(TimerQueue, fires_in_order_of_deadline_however_far_time_jumps) {
  Letters timers;
  timers.queue.pop_due(start);
  timers.arm("d", start + hour);
  timers.arm("b", start + 3);
  timers.arm("e", start + 100 * year);
  timers.arm("a", start + 2);
  timers.arm("c", start + second);
  EXPECT_EQ(timers.queue.size(), 5u);
  EXPECT_EQ(timers.due(start + 200 * year), "abcde");
  EXPECT_EQ(timers.queue.size(), 0u);
}

TEST(TimerQueue, fires_equal_deadlines_in_the_order_of_arming) {
  Letters timers;
  timers.arm("bca", start);
  timers.queue.disarm(timers['b']);
  timers.arm("b", start);
  EXPECT_EQ(timers.due(start), "cab");
}

TEST(TimerQueue, keeps_the_order_of_equals_that_were_armed_at_every_distance) {
  // Others, which keep the lists out of order, make everything move from level to level as the deadline comes near.
  const std::int64_t deadline = start + 100 * year;
  std::vector<TimerNode> equals(60), others(60);
  TimerQueue timers;
  for (std::size_t i = 0; i < equals.size(); ++i) {
    const std::int64_t distance = std::int64_t{1} << (61 - i);
    timers.pop_due(deadline - distance);
    timers.arm(others[i], deadline + distance / 3);
    timers.arm(equals[i], deadline);
  }
  for (TimerNode& node : equals) ASSERT_EQ(timers.pop_due(deadline), &node);
}

TEST(TimerQueue, forgets_a_disarmed_node_even_where_it_was_due) {
  Letters timers;
  timers.arm("abcd", start);
  timers.queue.disarm(timers['a']);
  timers.queue.disarm(timers['a']);
  EXPECT_FALSE(timers['a'].armed());
  EXPECT_EQ(timers.queue.size(), 3u);
  EXPECT_EQ(timers.queue.pop_due(start), &timers['b']);
  timers.queue.disarm(timers['c']);
  EXPECT_EQ(timers.due(start), "d");
}

TEST(TimerQueue, fires_deadlines_of_the_past_first_and_in_order) {
  Letters timers;
  timers.queue.pop_due(start);
  timers.arm("e", start + 1);
  timers.arm("d", start);
  timers.arm("c", start - 1);
  timers.arm("a", start - year);
  timers.arm("b", start - second);
  EXPECT_EQ(timers.queue.next(), start - year);
  EXPECT_EQ(timers.due(start), "abcd");
  EXPECT_EQ(timers.due(start + 1), "e");
}

TEST(TimerQueue, takes_the_ends_of_time_for_deadlines_like_any_other) {
  Letters timers;
  timers.arm("e", last_time);
  timers.arm("c", 0);
  timers.arm("a", first_time);
  timers.arm("d", 1);
  timers.arm("b", -1);
  timers.arm("f", last_time);
  EXPECT_EQ(timers.queue.next(), first_time);
  EXPECT_EQ(timers.due(first_time), "a");
  EXPECT_EQ(timers.due(0), "bc");
  EXPECT_EQ(timers.due(last_time - 1), "d");
  EXPECT_EQ(timers.due(last_time), "ef");
  timers.arm("a", first_time);  // when all of time is past
  EXPECT_EQ(timers.due(first_time), "a");
}

TEST(TimerQueue, gives_newcomers_their_place_among_nodes_that_are_due) {
  Letters timers;
  for (std::int64_t i = 1; i <= 4; ++i) timers.arm(std::string(1, "abcd"[i - 1]), start + hour + 10 * i);
  const std::int64_t now = start + hour + 40;
  EXPECT_EQ(timers.queue.pop_due(now), &timers['a']);
  timers.arm("4", now + 1);
  timers.arm("3", now);
  timers.arm("2", now - 5);
  timers.arm("1", start);
  EXPECT_EQ(timers.due(now + 1), "1bc2d34");
}

TEST(TimerQueue, answers_exactly_where_nodes_are_armed_in_order) {
  std::vector<TimerNode> nodes(1000);
  TimerNode first;
  TimerQueue timers;
  timers.arm(first, start);
  std::int64_t deadline = start + hour;
  for (TimerNode& node : nodes) timers.arm(node, deadline++);
  timers.disarm(first);
  EXPECT_EQ(timers.next(), start + hour);
}

TEST(TimerQueue, answers_early_at_most_once_a_level) {
  std::vector<TimerNode> nodes(1000);
  TimerNode first;
  TimerQueue timers;
  timers.arm(first, start);
  std::int64_t earliest = start + 5 * hour;
  for (TimerNode& node : nodes) timers.arm(node, --earliest);  // as far out of order as can be
  timers.disarm(first);
  std::int64_t now = start;
  int early = -1;
  for (TimerNode* popped = nullptr; popped == nullptr; ++early) {
    ASSERT_GT(timers.next(), now);
    now = timers.next();
    popped = timers.pop_due(now);
  }
  EXPECT_EQ(now, earliest);
  EXPECT_LE(early, 8);
}

TEST(TimerQueue, uses_no_memory_for_timeouts_that_do_not_fire) {
  std::vector<TimerNode> nodes(100);
  TimerQueue timers;
  const auto used = mallinfo2().uordblks;
  std::int64_t now = start;
  for (std::size_t request = 0; request < 200'000; ++request, now += 10'000) {
    TimerNode& node = nodes[request % nodes.size()];
    timers.disarm(node);
    timers.arm(node, now + hour);
    ASSERT_EQ(timers.pop_due(now), nullptr);
  }
  EXPECT_EQ(mallinfo2().uordblks, used);
  EXPECT_EQ(timers.size(), nodes.size());
  EXPECT_EQ(timers.next(), now - 100 * 10'000 + hour);
}

TEST(TimerQueue, disarms_everything_when_cleared_and_can_be_used_again) {
  Letters timers;
  timers.arm("a", start);
  timers.arm("b", start + hour);
  timers.arm("c", last_time);
  timers.queue.clear();
  for (char name : {'a', 'b', 'c'}) EXPECT_FALSE(timers[name].armed());
  EXPECT_EQ(timers.queue.size(), 0u);
  EXPECT_EQ(timers.queue.next(), last_time);
  timers.arm("b", start + 1);
  timers.arm("a", start);
  EXPECT_EQ(timers.due(start + 1), "ab");
}
