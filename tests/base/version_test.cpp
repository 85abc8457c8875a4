// SPDX-License-Identifier: MIT
#include <asyncio/version.h>

#include <gtest/gtest.h>

#include <algorithm>

TEST(Version, is_three_numbers_with_dots_between_them) {
  std::string_view version = asyncio::version();
  EXPECT_EQ(std::count(version.begin(), version.end(), '.'), 2);
  EXPECT_EQ(version.find_first_not_of("0123456789."), std::string_view::npos) << version;
  EXPECT_NE(version.front(), '.');
  EXPECT_NE(version.back(), '.');
  EXPECT_EQ(version.find(".."), std::string_view::npos) << version;
}
