// SPDX-License-Identifier: MIT
#include "base/system_error.h"

#include <asyncio/error.h>

#include <gtest/gtest.h>

#include <cerrno>
#include <exception>
#include <string>
#include <system_error>

using namespace asyncio;
using namespace asyncio::detail;

namespace {

// What is said in both ways of making it.
std::string text_of(int error) {
  std::string made;
  try {
    std::rethrow_exception(system_exception(error, "connect to somewhere"));
  } catch (const std::system_error& e) {
    made = e.what();
    EXPECT_EQ(e.code(), std::error_code(error, std::generic_category()));
  }
  EXPECT_THROW(
      {
        try {
          throw_system_error(error, "connect to somewhere");
        } catch (const std::system_error& e) {
          EXPECT_EQ(e.what(), made);
          throw;
        }
      },
      std::system_error);
  return made;
}

}  // namespace

TEST(SystemError, says_what_was_tried_and_what_the_system_answered) {
  EXPECT_EQ(text_of(ECONNREFUSED), "connect to somewhere: Connection refused");
  EXPECT_EQ(text_of(ETIMEDOUT), "connect to somewhere: Connection timed out");
}

TEST(SystemError, is_a_timeout_error_where_the_system_gave_up_waiting) {
  EXPECT_THROW(throw_system_error(ETIMEDOUT, "read"), TimeoutError);
  EXPECT_THROW(std::rethrow_exception(system_exception(ETIMEDOUT, "read")), TimeoutError);
}
