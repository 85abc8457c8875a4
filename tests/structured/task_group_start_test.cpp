// SPDX-License-Identifier: MIT
#include <asyncio/task_group.h>
#include <asyncio/testing.h>
#include <asyncio/with.h>

#include "tests/structured/group_test.h"

#include <functional>
#include <memory>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;
using namespace group_test;

namespace {

// --- start()

Coro<> serve(Started<int>& started, std::string& log, std::chrono::seconds start, std::chrono::seconds run) {
  co_await sleep(start);
  started(80);
  log += "started ";
  co_await work(log, 's', run);
}

ASYNC_TEST(TaskGroup, start_gives_what_the_task_has_started_with) {
  std::string log;
  const std::string result = co_await outcome([&](TaskGroup& group) -> Coro<> {
    const int port = co_await group.start(serve, std::ref(log), 1s, 2s);
    EXPECT_EQ(port, 80);
    log += "body ";
  });
  EXPECT_EQ(result, "value");
  EXPECT_EQ(log, "started body s.");
}

ASYNC_TEST(TaskGroup, start_takes_a_task_that_gives_nothing) {
  bool ended = false;
  co_await with(TaskGroup(), [&](TaskGroup& group) -> Coro<> {
    co_await group.start([&ended](Started<void>& started) -> Coro<> {
      started();
      EXPECT_THROW(started(), RuntimeError);
      co_await sleep(1s);
      ended = true;
    });
    EXPECT_FALSE(ended);
  });
  EXPECT_TRUE(ended);
}

ASYNC_TEST(TaskGroup, start_of_a_task_that_starts_eagerly_tells_what_its_first_step_did) {
  get_running_loop().set_task_factory(eager_task_factory);
  const auto returns = [](Started<int>& started) -> Coro<> {
    started(1);
    co_return;
  };
  const auto goes_on = [](Started<int>& started, bool& ended) -> Coro<> {
    started(2);
    co_await sleep(1s);
    ended = true;
  };
  const auto waits = [](Started<int>& started) -> Coro<> {
    co_await sleep(1s);
    started(3);
  };
  const auto never_starts = [](Started<int>&) -> Coro<> { co_return; };
  const auto fails = [](Started<int>&) -> Coro<> {
    throw std::invalid_argument("a");
    co_return;
  };
  bool ended = false;
  co_await with(TaskGroup(), [&](TaskGroup& group) -> Coro<> {
    EXPECT_EQ(co_await group.start(returns), 1);
    EXPECT_EQ(co_await group.start(goes_on, std::ref(ended)), 2);
    EXPECT_FALSE(ended);
    EXPECT_EQ(co_await group.start(waits), 3);
    int caught = 0;
    try {
      co_await group.start(never_starts);
    } catch (const RuntimeError&) {
      ++caught;
    }
    try {
      co_await group.start(fails);  // fails start(), and not the group
    } catch (const std::invalid_argument&) {
      ++caught;
    }
    EXPECT_EQ(caught, 2);
  });
  get_running_loop().set_task_factory({});
  EXPECT_TRUE(ended);
}

ASYNC_TEST(TaskGroup, a_task_that_has_started_eagerly_and_fails_at_once_fails_the_group) {
  get_running_loop().set_task_factory(eager_task_factory);
  const std::string result = co_await outcome([](TaskGroup& group) -> Coro<> {
    co_await group.start([](Started<int>& started) -> Coro<> {
      started(1);
      throw std::runtime_error("a");
      co_return;
    });
    co_await sleep(1h);
  });
  get_running_loop().set_task_factory({});
  EXPECT_NE(result, "value");
  EXPECT_EQ(get_running_loop().time(), TimePoint());
}

ASYNC_TEST(TaskGroup, start_gives_what_can_only_be_moved) {
  co_await with(TaskGroup(), [&](TaskGroup& group) -> Coro<> {
    auto value = co_await group.start<std::unique_ptr<int>>([](auto& started) -> Coro<> {
      started(std::make_unique<int>(7));
      co_return;
    });
    EXPECT_EQ(*value, 7);
  });
}

ASYNC_TEST(TaskGroup, a_started_task_is_the_groups_own) {
  std::string log;
  const std::string result = co_await outcome([&](TaskGroup& group) -> Coro<> {
    co_await group.start([](Started<void>& started) -> Coro<> {
      started();
      co_await fail("a", 1s);
    });
    co_await sleep(1h);
  });
  EXPECT_EQ(result, "group[a]");
}

ASYNC_TEST(TaskGroup, a_task_that_fails_before_it_is_started_fails_start_and_not_the_group) {
  const std::string result = co_await outcome([&](TaskGroup& group) -> Coro<> {
    std::string message;
    try {
      co_await group.start([](Started<int>&) -> Coro<> { co_await fail("a", 1s); });
    } catch (const Oops& e) {
      message = e.what();
    }
    EXPECT_EQ(message, "a");
    co_await sleep(1s);
  });
  EXPECT_EQ(result, "value");
}

ASYNC_TEST(TaskGroup, a_task_that_ends_before_it_is_started_is_an_error) {
  const std::string result = co_await outcome([&](TaskGroup& group) -> Coro<> {
    int errors = 0;
    try {
      co_await group.start([](Started<int>&) -> Coro<> { co_return; });
    } catch (const RuntimeError&) {
      ++errors;
    }
    try {
      co_await group.start([](Started<int>&) -> Coro<> {
        current_task().cancel();
        co_await sleep(0s);
      });
    } catch (const RuntimeError&) {
      ++errors;
    }
    EXPECT_EQ(errors, 2);
  });
  EXPECT_EQ(result, "value");
}

ASYNC_TEST(TaskGroup, a_cancel_of_start_waits_for_the_task) {
  std::string log;
  auto block = create_task(outcome([&](TaskGroup& group) -> Coro<> {
    co_await group.start([](Started<int>&, std::string& text) -> Coro<> { co_await work(text, 'a', 1h, 1s); },
                         std::ref(log));
    ADD_FAILURE();
  }));
  co_await settle();
  block.cancel();
  co_await settle();
  EXPECT_FALSE(block.done());
  EXPECT_EQ(co_await block, "cancelled");
  EXPECT_EQ(log, "a!");
}

ASYNC_TEST(TaskGroup, a_task_that_starts_in_spite_of_a_cancel_is_kept_and_the_cancel_lands_at_the_next_wait) {
  std::string log;
  auto block = create_task(outcome([&](TaskGroup& group) -> Coro<> {
    const int port = co_await group.start(
        [](Started<int>& started, std::string& text) -> Coro<> {
          try {
            co_await sleep(1h);
          } catch (const CancelledError&) {
          }
          started(80);
          co_await work(text, 'a', 1h);
        },
        std::ref(log));
    EXPECT_EQ(port, 80);
    log += "port ";
    co_await sleep(1h);
  }));
  co_await settle();
  block.cancel();
  EXPECT_EQ(co_await block, "cancelled");
  EXPECT_EQ(log, "port a!");
}

ASYNC_TEST(TaskGroup, a_group_waits_for_a_start_under_way_by_another_task) {
  std::string log;
  TaskGroup* inside = nullptr;
  auto block = create_task(outcome([&](TaskGroup& group) -> Coro<> {
    inside = &group;
    co_await sleep(0s);
    co_await sleep(0s);
  }));
  co_await sleep(0s);
  auto starter = create_task([&]() -> Coro<int> { co_return co_await inside->start(serve, std::ref(log), 1s, 1s); });
  EXPECT_EQ(co_await starter, 80);
  EXPECT_FALSE(block.done());
  EXPECT_EQ(co_await block, "value");
  EXPECT_EQ(log, "started s.");
}

ASYNC_TEST(TaskGroup, an_abort_reaches_a_task_that_is_being_started) {
  std::string log;
  TaskGroup* inside = nullptr;
  auto block = create_task(outcome([&](TaskGroup& group) -> Coro<> {
    inside = &group;
    co_await sleep(1s);
    throw Oops("body");
  }));
  co_await settle();
  auto starter = create_task([&]() -> Coro<int> { co_return co_await inside->start(serve, std::ref(log), 1h, 1s); });
  EXPECT_EQ(co_await block, "group[body]");
  bool refused = false;
  try {
    co_await starter;
  } catch (const RuntimeError&) {
    refused = true;
  }
  EXPECT_TRUE(refused);
  EXPECT_EQ(log, "");
}

ASYNC_TEST(TaskGroup, start_outside_of_the_block_is_refused) {
  TaskGroup group;
  std::string log;
  bool refused = false;
  try {
    co_await group.start(serve, std::ref(log), 1s, 1s);
  } catch (const RuntimeError&) {
    refused = true;
  }
  EXPECT_TRUE(refused);
}

}  // namespace
