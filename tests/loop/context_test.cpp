// SPDX-License-Identifier: MIT
#include <asyncio/context.h>

#include <asyncio/testing.h>

#include <stdexcept>
#include <thread>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

const ContextVar<std::string> name("name", "nobody");
const ContextVar<int> number("number");

Coro<std::string> name_after(std::chrono::seconds delay) {
  co_await sleep(delay);
  co_return name.get();
}

ASYNC_TEST(ContextVar, has_its_default_until_it_is_set) {
  EXPECT_EQ(name.get(), "nobody");
  EXPECT_EQ(name.get("somebody"), "somebody");
  EXPECT_THROW(number.get(), std::out_of_range);
  EXPECT_EQ(number.get(3), 3);
  name.set("alice");
  EXPECT_EQ(name.get(), "alice");
  EXPECT_EQ(name.get("somebody"), "alice");
  co_return;
}

ASYNC_TEST(ContextVar, reset_restores_what_was_before_the_set) {
  const ContextToken first = name.set("alice");
  const ContextToken second = name.set("bob");
  name.reset(second);
  EXPECT_EQ(name.get(), "alice");
  name.reset(first);
  EXPECT_EQ(name.get(), "nobody");
  EXPECT_THROW(number.reset(first), ValueError);
  co_return;
}

// BH-TASK-03
ASYNC_TEST(Context, a_task_has_a_copy_of_its_creators) {
  name.set("alice");
  auto task = create_task(name_after(1s));
  name.set("bob");
  EXPECT_EQ(co_await task, "alice");

  const auto sets = []() -> Coro<> {
    name.set("carol");
    co_await sleep(0s);
    EXPECT_EQ(name.get(), "carol");
  };
  auto other = create_task(sets());
  co_await other;
  EXPECT_EQ(name.get(), "bob");
  co_await sets();  // awaited, it is part of this task
  EXPECT_EQ(name.get(), "carol");
}

// BH-TASK-03
ASYNC_TEST(Context, one_that_is_passed_is_shared) {
  Context own;
  const auto sets = [](std::string value) -> Coro<std::string> {
    std::string old = name.get();
    name.set(value);
    co_return old;
  };
  auto first = create_task(sets("alice"), {.context = &own});
  co_await first;
  EXPECT_EQ(own.run([] { return name.get(); }), "alice");
  auto second = create_task(sets("bob"), {.context = &own});
  EXPECT_EQ(co_await second, "alice");
  EXPECT_EQ(second.context().run([] { return name.get(); }), "bob");
  EXPECT_EQ(name.get(), "nobody");
}

ASYNC_TEST(Context, that_of_a_task_can_be_had_and_is_the_tasks_own) {
  const auto waits = []() -> Coro<std::string> {
    co_await sleep(1s);
    co_return name.get();
  };
  auto task = create_task(waits());
  co_await settle();
  Context of_task = task.context();
  of_task.run([] { name.set("set from outside"); });
  EXPECT_EQ(co_await task, "set from outside");
}

// BH-LOOP-22
ASYNC_TEST(Context, a_callback_has_a_copy_of_that_of_the_call) {
  std::vector<std::string> seen;
  EventLoop& loop = get_running_loop();
  name.set("alice");
  loop.call_soon([&] {
    seen.push_back(name.get());
    name.set("changed by the first");
  });
  loop.call_soon([&] { seen.push_back(name.get()); });
  loop.call_later(1s, [&] { seen.push_back(name.get()); });
  loop.call_soon_threadsafe([&] { seen.push_back(name.get()); });
  name.set("bob");
  co_await sleep(2s);
  EXPECT_EQ(seen, (std::vector<std::string>(4, "alice")));
  EXPECT_EQ(name.get(), "bob");
}

// BH-LOOP-22
ASYNC_TEST(Context, a_callback_can_be_run_in_a_given_one) {
  Context own;
  own.run([] { name.set("alice"); });
  std::string seen;
  get_running_loop().call_soon([&seen, own]() mutable { own.run([&] { seen = name.get(); }); });
  co_await settle();
  EXPECT_EQ(seen, "alice");
}

ASYNC_TEST(Context, run_works_inside_of_a_task_too) {
  name.set("of the task");
  Context copy = Context::current();
  copy.run([] {
    EXPECT_EQ(name.get(), "of the task");
    name.set("of the copy");
  });
  EXPECT_EQ(name.get(), "of the task");
  EXPECT_EQ(copy.run([] { return name.get(); }), "of the copy");
  auto task = copy.run([] { return create_task(name_after(0s)); });
  EXPECT_EQ(co_await task, "of the copy");
}

TEST(Context, run_restores_the_outer_one_after_an_exception) {
  Context own;
  EXPECT_THROW(own.run([] {
    name.set("inside");
    throw std::runtime_error("oops");
  }),
               std::runtime_error);
  EXPECT_EQ(name.get(), "nobody");
  EXPECT_EQ(own.run([] { return name.get(); }), "inside");
}

TEST(Context, is_empty_again_when_all_has_been_reset) {
  Context own;
  own.run([] { name.reset(name.set("alice")); });
  EXPECT_TRUE(own.empty());
}

TEST(Context, copies_share_and_copy_does_not) {
  Context own;
  Context same = own;
  own.run([] { name.set("alice"); });
  EXPECT_EQ(same.run([] { return name.get(); }), "alice");
  Context other = own.copy();
  other.run([] { name.set("bob"); });
  EXPECT_EQ(own.run([] { return name.get(); }), "alice");
  EXPECT_FALSE(own.empty());
  EXPECT_TRUE(Context().empty());
}

TEST(Context, a_thread_has_its_own_and_a_run_begins_with_a_copy_of_it) {
  std::thread([] {
    const ContextToken token = name.set("of the thread");
    EXPECT_EQ(name.get(), "of the thread");
    const auto main = []() -> Coro<std::string> {
      std::string seen = name.get();
      name.set("of the task");
      co_await sleep(0s);
      co_return seen;
    };
    EXPECT_EQ(run(main()), "of the thread");
    EXPECT_EQ(name.get(), "of the thread");
    name.reset(token);
    EXPECT_EQ(name.get(), "nobody");
  }).join();
  EXPECT_EQ(name.get(), "nobody");
}

ASYNC_TEST(Context, a_chain_of_tasks_hands_values_down) {
  const auto leaf = []() -> Coro<std::string> { co_return name.get(); };
  const auto middle = [&]() -> Coro<std::string> {
    name.set(name.get() + "/middle");
    auto task = create_task(leaf());
    co_return co_await task;
  };
  name.set("root");
  auto task = create_task(middle());
  EXPECT_EQ(co_await task, "root/middle");
  EXPECT_EQ(name.get(), "root");
}

}  // namespace
