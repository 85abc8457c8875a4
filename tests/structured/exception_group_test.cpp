// SPDX-License-Identifier: MIT
#include <asyncio/exception_group.h>

#include <asyncio/error.h>

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>
#include <utility>

using namespace asyncio;

namespace {

template <class E>
std::exception_ptr error(E e) {
  return std::make_exception_ptr(std::move(e));
}

std::exception_ptr group(std::string message, std::vector<std::exception_ptr> members) {
  return error(ExceptionGroup(std::move(message), std::move(members)));
}

// "top[logic:a inner[runtime:b]]"
std::string shape(const ExceptionGroup& group) {
  std::string text = group.message() + "[";
  for (const std::exception_ptr& member : group.exceptions()) {
    if (text.back() != '[') text += ' ';
    try {
      std::rethrow_exception(member);
    } catch (const ExceptionGroup& nested) {
      text += shape(nested);
    } catch (const std::runtime_error& e) {
      text += std::string("runtime:") + e.what();
    } catch (const std::logic_error& e) {
      text += std::string("logic:") + e.what();
    } catch (...) {
      text += "other";
    }
  }
  return text + "]";
}

std::string shape(const std::optional<ExceptionGroup>& group) { return group ? shape(*group) : "nothing"; }

// top[runtime:a inner[logic:b runtime:c] logic:d]
ExceptionGroup mixed() {
  return ExceptionGroup("top", {error(std::runtime_error("a")),
                                group("inner", {error(std::logic_error("b")), error(std::runtime_error("c"))}),
                                error(std::logic_error("d"))});
}

TEST(ExceptionGroup, gives_its_message_and_its_members_in_order) {
  const std::exception_ptr first = error(std::runtime_error("a"));
  const std::exception_ptr second = error(std::logic_error("b"));
  const ExceptionGroup both("two of them", {first, second});
  EXPECT_EQ(both.message(), "two of them");
  ASSERT_EQ(both.exceptions().size(), 2U);
  EXPECT_EQ(both.exceptions()[0], first);
  EXPECT_EQ(both.exceptions()[1], second);
}

TEST(ExceptionGroup, refuses_to_be_empty_and_null_members) {
  EXPECT_THROW(ExceptionGroup("none", {}), ValueError);
  EXPECT_THROW(ExceptionGroup("null", {error(1), nullptr}), ValueError);
}

TEST(ExceptionGroup, is_caught_as_a_std_exception) {
  try {
    throw mixed();
  } catch (const std::exception& e) {
    EXPECT_STREQ(e.what(), mixed().what());
  }
}

TEST(ExceptionGroup, copies_share_one_content) {
  static_assert(std::is_nothrow_copy_constructible_v<ExceptionGroup>);
  static_assert(std::is_nothrow_copy_assignable_v<ExceptionGroup>);
  std::optional<ExceptionGroup> original = mixed();
  const ExceptionGroup copy = *original;
  EXPECT_EQ(copy.exceptions().data(), original->exceptions().data());
  original.reset();
  EXPECT_EQ(shape(copy), "top[runtime:a inner[logic:b runtime:c] logic:d]");
}

TEST(ExceptionGroup, what_draws_the_tree) {
  const ExceptionGroup tree("top", {error(std::runtime_error("a")),
                                    group("inner", {error(std::logic_error("two\nlines")), error(CancelledError("c"))}),
                                    group("last", {error(TimeoutError("late"))})});
  EXPECT_EQ(std::string(tree.what()),
            "top (3 exceptions)\n"
            "  +- std::runtime_error: a\n"
            "  +- asyncio::ExceptionGroup: inner (2 exceptions)\n"
            "  |    +- std::logic_error: two\n"
            "  |    |  lines\n"
            "  |    +- asyncio::CancelledError: c\n"
            "  +- asyncio::ExceptionGroup: last (1 exception)\n"
            "       +- asyncio::TimeoutError: late");
  EXPECT_EQ(tree.what(), ExceptionGroup(tree).what());
}

TEST(ExceptionGroup, names_the_types_of_the_standard_library_as_a_program_does) {
  const auto broken = std::make_error_code(std::errc::broken_pipe);
  const ExceptionGroup all("all", {error(std::system_error(broken)), error(std::string("text"))});
  const std::string text = all.what();
  EXPECT_NE(text.find(" std::system_error: " + broken.message()), std::string::npos) << text;
  EXPECT_EQ(text.find("std::__"), std::string::npos) << text;
}

TEST(ExceptionGroup, any_thread_may_ask_for_the_text_first) {
  const ExceptionGroup tree = mixed();
  std::vector<const char*> seen(4);
  std::vector<std::thread> threads;
  for (const char*& place : seen) threads.emplace_back([&place, copy = tree] { place = copy.what(); });
  for (std::thread& thread : threads) thread.join();
  for (const char* text : seen) EXPECT_EQ(text, tree.what());
}

TEST(ExceptionGroup, split_takes_the_leaves_of_a_type_and_keeps_the_nesting) {
  const ExceptionGroup::Split parts = mixed().split<std::logic_error>();
  EXPECT_EQ(shape(parts.match), "top[inner[logic:b] logic:d]");
  EXPECT_EQ(shape(parts.rest), "top[runtime:a inner[runtime:c]]");
}

TEST(ExceptionGroup, split_leaves_a_side_without_leaves_empty) {
  const ExceptionGroup all = mixed();
  const ExceptionGroup::Split none = all.split<TimeoutError>();
  EXPECT_FALSE(none.match);
  EXPECT_EQ(none.rest->exceptions().data(), all.exceptions().data());
  const ExceptionGroup::Split every = all.split<std::exception>();
  EXPECT_EQ(every.match->exceptions().data(), all.exceptions().data());
  EXPECT_FALSE(every.rest);
}

TEST(ExceptionGroup, split_looks_at_leaves_and_not_at_groups) {
  // Every group is a std::exception; a leaf that is none goes to the rest all the same.
  const ExceptionGroup all("top", {group("inner", {error(CancelledError()), error(std::runtime_error("a"))})});
  const ExceptionGroup::Split parts = all.split<std::exception>();
  EXPECT_EQ(shape(parts.match), "top[inner[runtime:a]]");
  EXPECT_EQ(shape(parts.rest), "top[inner[other]]");
}

TEST(ExceptionGroup, a_nested_group_that_falls_on_one_side_is_not_rebuilt) {
  const std::exception_ptr inner = group("inner", {error(std::logic_error("b"))});
  const ExceptionGroup all("top", {error(std::runtime_error("a")), inner});
  const ExceptionGroup::Split parts = all.split<std::logic_error>();
  EXPECT_EQ(parts.match->exceptions()[0], inner);
}

TEST(ExceptionGroup, subgroup_takes_a_predicate) {
  const std::exception_ptr wanted = error(std::runtime_error("w"));
  const ExceptionGroup all("top", {error(1), group("inner", {wanted, error(2)})});
  int asked = 0;
  EXPECT_EQ(shape(all.subgroup([&](const std::exception_ptr& leaf) {
              ++asked;
              return leaf == wanted;
            })),
            "top[inner[runtime:w]]");
  EXPECT_EQ(asked, 3);
  EXPECT_FALSE(all.subgroup([](const std::exception_ptr&) { return false; }));
}

TEST(ExceptionGroup, handle_calls_a_function_for_each_leaf_and_gives_the_rest) {
  std::string handled;
  const auto rest = mixed().handle<std::logic_error>([&](const std::logic_error& e) { handled += e.what(); });
  EXPECT_EQ(handled, "bd");
  EXPECT_EQ(shape(rest), "top[runtime:a inner[runtime:c]]");
  const auto nothing = rest->handle<std::runtime_error>([&](const std::runtime_error& e) { handled += e.what(); });
  EXPECT_EQ(handled, "bdac");
  EXPECT_FALSE(nothing);
}

TEST(ExceptionGroup, handle_may_take_the_group_of_them) {
  int calls = 0;
  const auto rest = mixed().handle<std::logic_error>([&](const ExceptionGroup& matched) {
    ++calls;
    EXPECT_EQ(shape(matched), "top[inner[logic:b] logic:d]");
  });
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(shape(rest), "top[runtime:a inner[runtime:c]]");
}

TEST(ExceptionGroup, handle_is_not_called_where_nothing_matches) {
  const auto rest = mixed().handle<TimeoutError>([](const TimeoutError&) { ADD_FAILURE(); });
  EXPECT_EQ(shape(rest), shape(mixed()));
}

TEST(ExceptionGroup, what_a_handler_throws_comes_out) {
  EXPECT_THROW(mixed().handle<std::logic_error>([](const std::logic_error&) { throw TimeoutError(); }), TimeoutError);
}

TEST(ExceptionGroup, handlers_may_be_const_objects) {
  const auto count = [](const std::logic_error&) {};
  const auto always = [](const std::exception_ptr&) { return true; };
  EXPECT_EQ(shape(mixed().handle<std::logic_error>(count)), "top[runtime:a inner[runtime:c]]");
  EXPECT_EQ(shape(mixed().subgroup(always)), shape(mixed()));
}

std::exception_ptr nested(int depth) {
  std::exception_ptr innermost = error(std::runtime_error("the innermost"));
  for (int i = 0; i < depth; ++i) innermost = group("g", {innermost, error(std::logic_error("beside it"))});
  return innermost;
}

TEST(ExceptionGroup, may_be_nested_as_deep_as_memory_reaches) {
  constexpr int depth = 200'000;
  std::exception_ptr deep = nested(depth);
  try {
    std::rethrow_exception(deep);
  } catch (const ExceptionGroup& top) {
    const std::string text = top.what();
    EXPECT_NE(text.find("std::runtime_error: the innermost"), std::string::npos);
    const ExceptionGroup::Split parts = top.split<std::runtime_error>();
    int leaves = 0;
    EXPECT_FALSE(parts.rest->handle<std::logic_error>([&leaves](const std::logic_error&) { ++leaves; }));
    EXPECT_EQ(leaves, depth);
    EXPECT_TRUE(parts.match->subgroup([](const std::exception_ptr&) { return true; }));
  }
  deep = nullptr;
}

TEST(ExceptionGroup, what_grows_with_the_members_and_not_with_their_square) {
  const auto length = [](int depth) {
    try {
      std::rethrow_exception(nested(depth));
    } catch (const ExceptionGroup& top) {
      return std::string(top.what()).size();
    }
  };
  const std::size_t once = length(2000);
  EXPECT_LT(length(4000), once * 5 / 2);
}

TEST(ExceptionGroup, what_opens_groups_up_to_a_depth_and_shows_the_leaves_of_those_below) {
  try {
    std::rethrow_exception(nested(3));
  } catch (const ExceptionGroup& top) {
    EXPECT_EQ(std::string(top.what()),
              "g (2 exceptions)\n"
              "  +- asyncio::ExceptionGroup: g (2 exceptions)\n"
              "  |    +- asyncio::ExceptionGroup: g (2 exceptions)\n"
              "  |    |    +- std::runtime_error: the innermost\n"
              "  |    |    +- std::logic_error: beside it\n"
              "  |    +- std::logic_error: beside it\n"
              "  +- std::logic_error: beside it");
  }
  try {
    std::rethrow_exception(nested(34));
  } catch (const ExceptionGroup& top) {
    const std::string text = top.what();
    EXPECT_NE(text.find("nested too deep to be drawn. Its leaves:\n"), std::string::npos) << text;
    EXPECT_NE(text.find("the innermost"), std::string::npos) << text;
  }
}

struct OwnGroup : ExceptionGroup {
  using ExceptionGroup::ExceptionGroup;
};

TEST(ExceptionGroup, one_that_derives_from_it_is_a_group_too) {
  const ExceptionGroup top("top", {error(OwnGroup("own", {error(std::logic_error("a")), error(1)}))});
  EXPECT_NE(std::string(top.what()).find("OwnGroup: own (2 exceptions)\n       +- std::logic_error: a"),
            std::string::npos);
  EXPECT_EQ(shape(top.split<std::logic_error>().match), "top[own[logic:a]]");
}

}  // namespace
