// SPDX-License-Identifier: MIT
#include <asyncio/detail/callback.h>

#include <gtest/gtest.h>

#include <array>
#include <stdexcept>

using namespace asyncio;
using namespace asyncio::detail;

namespace {

int twice(int value) { return 2 * value; }

TEST(Callback, calls_functions_lambdas_and_objects) {
  Callback<int(int)> callback = &twice;
  EXPECT_EQ(callback(3), 6);
  int base = 10;
  callback = [&base](int value) { return base + value; };
  EXPECT_EQ(callback(3), 13);
  struct Subtract {
    int from;
    int operator()(int value) const { return from - value; }
  };
  callback = Subtract{5};
  EXPECT_EQ(callback(3), 2);
}

TEST(Callback, is_empty_by_default_and_after_a_move) {
  Callback<void()> empty;
  EXPECT_FALSE(empty);
  Callback<void()> null = nullptr;
  EXPECT_FALSE(null);
  Callback<int(int)> callback = &twice;
  Callback<int(int)> other = std::move(callback);
  EXPECT_FALSE(callback);  // NOLINT(bugprone-use-after-move)
  EXPECT_TRUE(other);
  EXPECT_EQ(other(1), 2);
}

TEST(Callback, owns_what_cannot_be_copied) {
  Callback<int()> callback = [value = std::make_unique<int>(7)] { return *value; };
  Callback<int()> other;
  other = std::move(callback);
  EXPECT_EQ(other(), 7);
}

TEST(Callback, keeps_its_state_from_call_to_call) {
  Callback<int()> callback = [count = 0]() mutable { return ++count; };
  EXPECT_EQ(callback(), 1);
  EXPECT_EQ(callback(), 2);
}

template <std::size_t extra>
void expect_destroyed_once() {
  auto held = std::make_shared<int>(1);
  {
    Callback<long()> callback = [held, filling = std::array<char, extra>{}] { return held.use_count() + filling[0]; };
    EXPECT_EQ(held.use_count(), 2);
    Callback<long()> other = std::move(callback);
    EXPECT_EQ(held.use_count(), 2);
    EXPECT_EQ(other(), 2);
    callback = std::move(other);
    EXPECT_EQ(callback(), 2);
    callback = nullptr;
    EXPECT_EQ(held.use_count(), 1);
    callback = [held, filling = std::array<char, extra>{}] { return held.use_count() + filling[0]; };
    Callback<long()>& same = callback;
    callback = std::move(same);
    EXPECT_EQ(callback(), 2);
    {
      Callback<long()>::Last last(callback);
      EXPECT_FALSE(callback);
      EXPECT_EQ(last(), 2);
      callback = nullptr;
      EXPECT_EQ(last(), 2);
    }
    EXPECT_EQ(held.use_count(), 1);
  }
  EXPECT_EQ(held.use_count(), 1);
}

TEST(Callback, destroys_what_it_owns_once_be_it_small_or_large) {
  expect_destroyed_once<1>();
  expect_destroyed_once<16>();
  expect_destroyed_once<17>();
  expect_destroyed_once<500>();
}

// Assigns to the place that it is being taken out of.
struct Successor {
  explicit Successor(Callback<int()>& to) : place(&to) {}
  Successor(Successor&& other) noexcept : place(std::exchange(other.place, nullptr)) {}
  ~Successor() {
    if (place != nullptr) *place = [held = std::make_unique<int>(3)] { return *held; };
  }
  int operator()() const { return 1; }
  Callback<int()>* place;
};

TEST(Callback, the_destructor_of_what_it_owns_may_assign_another) {
  Callback<int()> callback;
  callback = Successor(callback);
  callback = [held = std::make_unique<int>(2)] { return *held; };
  EXPECT_EQ(callback(), 3);  // the last one; the one before it does not leak
}

TEST(Callback, passes_references_and_what_can_only_be_moved) {
  Callback<void(int&, std::unique_ptr<int>)> callback = [](int& target, std::unique_ptr<int> value) {
    target = *value;
  };
  int target = 0;
  callback(target, std::make_unique<int>(7));
  EXPECT_EQ(target, 7);
}

TEST(Callback, lets_exceptions_through) {
  Callback<void()> callback = [] { throw std::out_of_range("oops"); };
  EXPECT_THROW(callback(), std::out_of_range);
  EXPECT_TRUE(callback);
}

TEST(Callback, drops_a_result_that_is_not_wanted) {
  Callback<void(int)> callback = &twice;
  callback(3);
  EXPECT_TRUE(callback);
}

TEST(Callback, knows_the_type_of_what_it_calls) {
  const auto lambda = [] {};
  Callback<void()> callback = lambda;
  EXPECT_EQ(callback.type(), typeid(lambda));
  callback = nullptr;
  EXPECT_EQ(callback.type(), typeid(void));
}

}  // namespace
