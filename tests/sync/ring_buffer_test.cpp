// SPDX-License-Identifier: MIT
#include <asyncio/detail/ring_buffer.h>

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <random>
#include <string>
#include <utility>

using namespace asyncio;

namespace {

TEST(RingBuffer, behaves_like_a_queue_whatever_is_pushed_and_popped) {
  std::mt19937 random(1);
  detail::RingBuffer<std::string> ring;
  std::deque<std::string> model;
  for (int i = 0; i < 20000; ++i) {
    if (random() % 100 < (i / 1000 % 2 == 0 ? 60u : 40u)) {
      model.push_back(std::to_string(i));
      ring.push(std::to_string(i));
    } else if (!model.empty()) {
      EXPECT_EQ(ring.pop(), model.front());
      model.pop_front();
    }
    ASSERT_EQ(ring.size(), model.size());
    ASSERT_EQ(ring.empty(), model.empty());
    if (!model.empty()) {
      const std::size_t place = random() % model.size();
      ASSERT_EQ(ring[place], model[place]);
    }
  }
}

TEST(RingBuffer, destroys_what_it_holds) {
  auto token = std::make_shared<int>(0);
  {
    detail::RingBuffer<std::shared_ptr<int>> ring;
    for (int i = 0; i < 20; ++i) ring.push(token);
    for (int i = 0; i < 15; ++i) ring.drop_front();
    for (int i = 0; i < 7; ++i) ring.push(token);
    EXPECT_EQ(token.use_count(), 1 + 12);
    detail::RingBuffer<std::shared_ptr<int>> moved = std::move(ring);
    EXPECT_EQ(moved.size(), 12u);
    EXPECT_EQ(token.use_count(), 1 + 12);
  }
  EXPECT_EQ(token.use_count(), 1);
}

}  // namespace
