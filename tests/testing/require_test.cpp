// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include "tests/testing/failures.h"

#include <cstdint>
#include <limits>
#include <map>
#include <stdexcept>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

int line = 0;
int steps = 0;

Coro<> compare_what_differs() {
  co_await sleep(1s);
  const std::map<std::string, int> stock{{"tea", 3}};
  line = __LINE__ + 1;
  require_eq(stock.at("tea"), 4);
  ++steps;
}

TEST(Require, a_comparison_that_fails_ends_the_test_with_both_values_and_its_line) {
  steps = 0;
  const Failures failures(compare_what_differs);
  EXPECT_EQ(steps, 0);
  ASSERT_TRUE(failures.are_one({"require_eq(): expected the first value == the second\n  first:  3\n  second: 4"}));
  EXPECT_TRUE(failures.only().fatally_failed());
  EXPECT_EQ(failures.only().line_number(), line);
  EXPECT_NE(std::string(failures.only().file_name()).find("require_test.cpp"), std::string::npos);
}

TEST(Require, each_comparison_fails_for_what_it_excludes) {
  EXPECT_TRUE(Failures(+[]() -> Coro<> { require_ne(1, 1), co_await sleep(0s); }).are_one({"require_ne", "!="}));
  EXPECT_TRUE(Failures(+[]() -> Coro<> { require_lt(1, 1), co_await sleep(0s); }).are_one({"require_lt", "<"}));
  EXPECT_TRUE(Failures(+[]() -> Coro<> { require_le(2, 1), co_await sleep(0s); }).are_one({"require_le", "<="}));
  EXPECT_TRUE(Failures(+[]() -> Coro<> { require_gt(1, 1), co_await sleep(0s); }).are_one({"require_gt", ">"}));
  EXPECT_TRUE(Failures(+[]() -> Coro<> { require_ge(1, 2), co_await sleep(0s); }).are_one({"require_ge", ">="}));
}

ASYNC_TEST(Require, a_comparison_that_holds_lets_the_test_go_on) {
  require(true);
  require_eq(1, 1);
  require_ne(1, 2);
  require_lt(1, 2);
  require_le(1, 1);
  require_le(1, 2);
  require_gt(2, 1);
  require_ge(1, 1);
  require_ge(2, 1);
  co_return;
}

ASYNC_TEST(Require, integers_are_compared_by_value_and_arrays_of_characters_as_strings) {
  require_eq(std::vector<int>{1, 2, 3}.size(), 3);
  require_ne(-1, std::numeric_limits<unsigned>::max());
  require_lt(-1, 0U);
  require_eq(std::uint8_t{3}, std::int64_t{3});
  char buffer[] = "text";
  require_eq(buffer, "text");
  require_eq(std::string("text"), "text");
  require_lt("a", std::string_view("b"));
  require_eq(1s, 1000ms);
  require_eq(std::optional<int>(), std::nullopt);
  require_eq(true, true);
  require_eq('a', 'a');
  const char* none = nullptr;
  require_eq(none, nullptr);
  co_return;
}

struct Opaque {
  bool operator==(const Opaque&) const { return false; }
};

TEST(Require, what_cannot_be_printed_can_be_compared) {
  EXPECT_TRUE(Failures(+[]() -> Coro<> {
                require_eq(Opaque(), Opaque());
                co_return;
              }).are_one({"require_eq", "1-byte object"}));
}

ASYNC_TEST(Require, an_exception_that_is_thrown_is_given) {
  const auto late = co_await require_throws<TimeoutError>(wait_for(sleep(1h), 1s));
  require_eq(late.code(), std::errc::timed_out);
  auto task = create_task(sleep(1h));
  task.cancel("enough");
  require_eq(std::string((co_await require_throws<CancelledError>(task)).message()), "enough");
  const auto derived = co_await require_throws<std::logic_error>([]() -> Coro<int> {
    throw std::invalid_argument("no");
    co_return 1;
  }());
  require_eq(std::string(derived.what()), "no");
}

TEST(Require, nothing_that_is_thrown_ends_the_test) {
  const Failures failures(+[]() -> Coro<> {
    line = __LINE__ + 1;
    co_await require_throws<TimeoutError>(sleep(1s));
    ++steps;
  });
  EXPECT_TRUE(failures.are_one({"require_throws(): nothing was thrown, expected: asyncio::TimeoutError"}));
  EXPECT_EQ(failures.only().line_number(), line);
}

TEST(Require, another_exception_than_the_expected_one_comes_out) {
  EXPECT_TRUE(Failures(+[]() -> Coro<> {
                co_await require_throws<std::logic_error>([]() -> Coro<> {
                  throw std::runtime_error("another");
                  co_return;
                }());
              }).are_one({"the test threw std::runtime_error: another"}));
}

Coro<> require_in_a_task() {
  create_task([]() -> Coro<> {
    require(false);
    co_return;
  });
  co_await sleep(1s);
}

TEST(Require, in_a_task_that_nobody_awaits_it_fails_the_test_once) {
  EXPECT_TRUE(Failures(require_in_a_task).are_one({"require(): the condition does not hold"}));
}

}  // namespace
