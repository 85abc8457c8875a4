// SPDX-License-Identifier: MIT
#include "base/exception_abi.h"

#include "base/names.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

using namespace asyncio;
using namespace asyncio::detail;

namespace {

template <class E>
std::exception_ptr thrown(E error) {
  try {
    throw error;
  } catch (...) {
    return std::current_exception();
  }
}

// A base class that does not stand at the beginning: a handler for it sees another address than that of the exception.
struct Front {
  virtual ~Front() = default;
  int number = 0;
};
struct Both : Front, std::runtime_error {
  using std::runtime_error::runtime_error;
};

TEST(ExceptionAbi, knows_the_type_of_what_was_thrown) {
  EXPECT_EQ(*type_of(thrown(1)), typeid(int));
  EXPECT_EQ(*type_of(thrown(std::string("text"))), typeid(std::string));
  EXPECT_EQ(*type_of(thrown(std::runtime_error("error"))), typeid(std::runtime_error));
  EXPECT_EQ(*type_of(thrown(Both("both"))), typeid(Both));
}

TEST(ExceptionAbi, knows_the_type_of_what_was_made) {
  EXPECT_EQ(*type_of(std::make_exception_ptr(1)), typeid(int));
  EXPECT_EQ(*type_of(std::make_exception_ptr(Both("both"))), typeid(Both));
}

TEST(ExceptionAbi, no_exception_has_no_type_and_no_address) {
  EXPECT_EQ(type_of(nullptr), nullptr);
  EXPECT_EQ(address_of(nullptr), nullptr);
}

TEST(ExceptionAbi, the_address_is_that_of_the_exception_and_stays_when_it_is_thrown_again) {
  const std::exception_ptr error = thrown(Both("both"));
  const std::exception_ptr copy = error;
  EXPECT_EQ(address_of(copy), address_of(error));
  try {
    std::rethrow_exception(error);
  } catch (const Both& both) {
    EXPECT_EQ(address_of(error), &both);
    EXPECT_EQ(address_of(std::current_exception()), &both);
    EXPECT_EQ(*type_of(std::current_exception()), typeid(Both));
  }
}

TEST(ExceptionAbi, tells_a_throw_expression_from_a_rethrow) {
  try {
    throw Both("both");
  } catch (const std::runtime_error&) {
    const std::exception_ptr first = std::current_exception();
    EXPECT_TRUE(was_thrown_here(address_of(first)));
    try {
      std::rethrow_exception(first);
    } catch (...) {
      EXPECT_FALSE(was_thrown_here(address_of(first)));
      try {
        throw 1;
      } catch (...) {
        EXPECT_TRUE(was_thrown_here(address_of(std::current_exception())));
        EXPECT_FALSE(was_thrown_here(address_of(first)));
      }
    }
    EXPECT_TRUE(was_thrown_here(address_of(first)));
  }
}

struct SaysNull : std::exception {
  const char* what() const noexcept override { return nullptr; }
};

TEST(Describe, an_exception_that_says_null_says_nothing) {
  EXPECT_EQ(describe(std::make_exception_ptr(SaysNull())), "(anonymous namespace)::SaysNull: ");
}

}  // namespace
