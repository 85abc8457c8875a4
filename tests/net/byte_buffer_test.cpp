// SPDX-License-Identifier: MIT
#include "base/byte_buffer.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

using namespace asyncio;
using namespace asyncio::detail;

TEST(ByteBuffer, holds_nothing_at_first) {
  const ByteBuffer buffer;
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.size(), 0u);
  EXPECT_EQ(buffer.view(), "");
}

TEST(ByteBuffer, gives_what_was_appended_in_order) {
  ByteBuffer buffer;
  buffer.append("abc");
  buffer.append("");
  buffer.append("def");
  EXPECT_EQ(buffer.view(), "abcdef");
  buffer.consume(2);
  EXPECT_EQ(buffer.view(), "cdef");
  buffer.append("g");
  EXPECT_EQ(buffer.view(), "cdefg");
  buffer.consume(5);
  EXPECT_TRUE(buffer.empty());
}

TEST(ByteBuffer, consuming_more_than_there_is_empties_it) {
  ByteBuffer buffer;
  buffer.append("abc");
  buffer.consume(100);
  EXPECT_TRUE(buffer.empty());
  buffer.consume(1);
  EXPECT_TRUE(buffer.empty());
}

TEST(ByteBuffer, prepends_in_front_of_what_is_there) {
  ByteBuffer buffer;
  buffer.prepend("b");
  buffer.prepend("");
  buffer.append("cd");
  buffer.consume(1);
  buffer.prepend("ab");
  EXPECT_EQ(buffer.view(), "abcd");
}

TEST(ByteBuffer, gives_its_content_away_when_it_is_moved) {
  ByteBuffer buffer;
  buffer.append("abc");
  ByteBuffer other(std::move(buffer));
  EXPECT_EQ(other.view(), "abc");
  EXPECT_TRUE(buffer.empty());
  buffer.append("x");
  buffer = std::move(other);
  EXPECT_EQ(buffer.view(), "abc");
  buffer.clear();
  EXPECT_TRUE(buffer.empty());
}

TEST(ByteBuffer, is_a_string_whatever_is_done_to_it) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    ByteBuffer buffer;
    std::string model;
    for (int step = 0; step < 2000; ++step) {
      const std::size_t size = random() % 8 == 0 ? random() % 5000 : random() % 40;
      const std::string data(size, static_cast<char>('a' + random() % 26));
      switch (random() % 8) {
        case 0:
          buffer.prepend(data);
          model.insert(0, data);
          break;
        case 1:
        case 2:
        case 3:
          buffer.append(data);
          model += data;
          break;
        case 4:
          if (random() % 20 == 0) {
            buffer.clear();
            model.clear();
          }
          break;
        default:
          buffer.consume(size);
          model.erase(0, size);
      }
      ASSERT_EQ(buffer.view(), model) << "seed " << seed << ", step " << step;
      ASSERT_EQ(buffer.empty(), model.empty());
    }
  }
}
