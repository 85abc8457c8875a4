// SPDX-License-Identifier: MIT
#include "loop/timer_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

using asyncio::detail::TimerNode;
using asyncio::detail::TimerQueue;

namespace {

constexpr std::int64_t first_time = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t last_time = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t start = 987'654'321'012'345;  // of a clock that has run for eleven days

std::int64_t add(std::int64_t time, std::int64_t distance) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(time, distance, &sum)) return distance > 0 ? last_time : first_time;
  return sum;
}

// A queue, and what a sorted map says that it should do.
class Rehearsal {
 public:
  Rehearsal(std::size_t nodes, std::uint64_t seed) : nodes_(nodes), sequences_(nodes), random_(seed) {}

  void step() {
    const std::uint64_t choice = below(100);
    if (choice < 50) {
      arm(below(nodes_.size()), some_deadline());
    } else if (choice < 65) {
      disarm(below(nodes_.size()));
    } else if (choice < 90) {
      move_time();
      pop(below(8));
    } else if (choice < 98) {
      pop(SIZE_MAX);
    } else {
      now_ = add(now_, -any_distance());
      visit();
    }
    ASSERT_EQ(queue_.size(), expected_.size());
    ASSERT_LE(queue_.next(), earliest());
    ASSERT_TRUE(expected_.size() > 16 || queue_.next() == earliest());
  }

  // Goes from one answer of next() to another, as a loop with nothing else to do, until no node is left.
  void run_out() {
    std::size_t in_vain = 0;
    while (!expected_.empty()) {
      const std::size_t before = expected_.size();
      now_ = std::max(now_, queue_.next());
      pop(SIZE_MAX);
      if (expected_.size() == before) ++in_vain;
    }
    EXPECT_EQ(queue_.size(), 0u);
    EXPECT_LE(in_vain, nodes_.size() / 2);
  }

 private:
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  std::int64_t up_to(std::int64_t limit) { return static_cast<std::int64_t>(below(static_cast<std::uint64_t>(limit))); }

  // Nanoseconds are as likely as centuries.
  std::int64_t any_distance() { return static_cast<std::int64_t>(random_() >> (1 + below(63))); }

  std::int64_t earliest() const { return expected_.empty() ? last_time : expected_.begin()->first.first; }

  std::int64_t some_deadline() {
    switch (below(8)) {
      case 0:
        return add(now_, any_distance());
      case 1:
        return add(now_, -any_distance());
      case 2:
        return add(now_, up_to(20) * 1'000'000);
      case 3:
        return add(now_, up_to(100));
      case 4:
        return add(now_, up_to(second));
      case 5:
        return add(now_, second);
      case 6:
        return nodes_[below(nodes_.size())].deadline;
      default:
        return below(20) == 0 ? (below(2) == 0 ? first_time : last_time) : now_;
    }
  }

  void move_time() {
    switch (below(4)) {
      case 0:
        now_ = add(now_, up_to(1000));
        break;
      case 1:
        now_ = add(now_, up_to(second / 32));
        break;
      case 2:
        now_ = std::max(now_, expected_.empty() ? now_ : earliest());
        break;
      default:
        now_ = add(now_, any_distance() >> (below(50) == 0 ? 0 : 30));
    }
    if (now_ > last_time / 2) now_ = start;  // some future should be left
  }

  void arm(std::size_t index, std::int64_t deadline) {
    disarm(index);
    sequences_[index] = ++sequence_;
    queue_.arm(nodes_[index], deadline);
    ASSERT_TRUE(nodes_[index].armed());
    expected_.emplace(std::pair(deadline, sequence_), &nodes_[index]);
  }

  void disarm(std::size_t index) {
    TimerNode& node = nodes_[index];
    ASSERT_EQ(expected_.erase(std::pair(node.deadline, sequences_[index])), node.armed() ? 1u : 0u);
    queue_.disarm(node);
    ASSERT_FALSE(node.armed());
  }

  void pop(std::size_t limit) {
    for (; limit > 0; --limit) {
      TimerNode* node = queue_.pop_due(now_);
      const bool some_are_due = !expected_.empty() && earliest() <= now_;
      ASSERT_EQ(node, some_are_due ? expected_.begin()->second : nullptr);
      if (node == nullptr) return;
      ASSERT_FALSE(node->armed());
      expected_.erase(expected_.begin());
    }
  }

  // Meets every armed node once.
  void visit() {
    std::vector<const TimerNode*> met;
    queue_.for_each([&](const TimerNode& node) { met.push_back(&node); });
    std::vector<const TimerNode*> wanted;
    for (const auto& entry : expected_) wanted.push_back(entry.second);
    std::sort(met.begin(), met.end());
    std::sort(wanted.begin(), wanted.end());
    ASSERT_TRUE(met == wanted);
  }

  std::vector<TimerNode> nodes_;
  std::vector<std::uint64_t> sequences_;  // of the latest arm() of each node
  TimerQueue queue_;
  std::map<std::pair<std::int64_t, std::uint64_t>, TimerNode*> expected_;
  std::mt19937_64 random_;
  std::uint64_t sequence_ = 0;
  std::int64_t now_ = start;
};

void rehearse(std::size_t nodes, std::uint64_t rounds, int steps) {
  for (std::uint64_t seed = 1; seed <= rounds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rehearsal rehearsal(nodes, seed);
    for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) rehearsal.step();
    if (testing::Test::HasFailure()) return;
    rehearsal.run_out();
  }
}

}  // namespace

TEST(TimerQueueModel, agrees_with_a_sorted_map_about_a_few_nodes) { rehearse(6, 300, 1000); }

TEST(TimerQueueModel, agrees_with_a_sorted_map_about_a_hundred_nodes) { rehearse(100, 30, 10'000); }

TEST(TimerQueueModel, agrees_with_a_sorted_map_about_thousands_of_nodes) { rehearse(5000, 3, 100'000); }
