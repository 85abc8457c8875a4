// SPDX-License-Identifier: MIT
#include <asyncio/event.h>

#include "tests/sync/support.h"

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

Coro<> await_event(Event& event, char name, std::string& log) {
  co_await event.wait();
  log += name;
}

// BH-EVT-01
ASYNC_TEST(Event, lets_pass_without_suspension_where_it_is_set) {
  Event event;
  EXPECT_FALSE(event.is_set());
  event.set();
  EXPECT_TRUE(event.is_set());
  EXPECT_FALSE(co_await suspends(event.wait()));
}

// BH-EVT-01
ASYNC_TEST(Event, wakes_all_waiters_in_arrival_order) {
  Event event;
  std::string log;
  auto a = create_task(await_event(event, 'a', log));
  auto b = create_task(await_event(event, 'b', log));
  auto c = create_task(await_event(event, 'c', log));
  co_await settle();
  EXPECT_EQ(log, "");
  EXPECT_EQ(reason(a), "Event.wait");

  event.set();
  EXPECT_EQ(log, "");  // they run in their turn
  co_await settle();
  EXPECT_EQ(log, "abc");
}

// BH-EVT-02
ASYNC_TEST(Event, that_is_cleared_at_once_lets_those_go_who_waited) {
  Event event;
  std::string log;
  auto a = create_task(await_event(event, 'a', log));
  auto b = create_task(await_event(event, 'b', log));
  co_await settle();

  event.set();
  event.clear();
  auto late = create_task(await_event(event, 'l', log));
  co_await settle();
  EXPECT_EQ(log, "ab");
  EXPECT_FALSE(event.is_set());
  EXPECT_EQ(reason(late), "Event.wait");
  event.set();
  co_await late;
  EXPECT_EQ(log, "abl");
}

// BH-EVT-03
ASYNC_TEST(Event, that_is_set_twice_is_set_once) {
  Event event;
  std::string log;
  auto a = create_task(await_event(event, 'a', log));
  co_await settle();
  event.set();
  event.set();
  co_await settle();
  EXPECT_EQ(log, "a");

  event.clear();
  event.clear();
  EXPECT_FALSE(event.is_set());
  auto b = create_task(await_event(event, 'b', log));
  co_await settle();
  EXPECT_EQ(log, "a");
  event.set();
  co_await b;
  EXPECT_EQ(log, "ab");
}

// BH-EVT-03
ASYNC_TEST(Event, forgets_a_waiter_that_is_cancelled) {
  Event event;
  std::string log;
  auto a = create_task(await_event(event, 'a', log));
  auto b = create_task(await_event(event, 'b', log));
  co_await settle();
  a.cancel();
  co_await settle();
  EXPECT_TRUE(a.cancelled());
  event.set();
  co_await b;
  EXPECT_EQ(log, "b");
}

ASYNC_TEST(Event, gives_way_to_a_cancel_that_comes_before_the_woken_task_runs) {
  Event event;
  std::string log;
  auto a = create_task(await_event(event, 'a', log));
  co_await settle();
  event.set();
  a.cancel();
  co_await settle();
  EXPECT_TRUE(a.cancelled());
  EXPECT_EQ(log, "");
}

ASYNC_TEST(Event, can_be_set_by_a_callback) {
  Event event;
  get_running_loop().call_later(1h, [&] { event.set(); });
  const auto start = get_running_loop().time();
  co_await event.wait();
  EXPECT_EQ(get_running_loop().time() - start, 1h);
}

TEST(Event, belongs_to_a_loop_while_somebody_waits) {
  Event event;
  EXPECT_TRUE(refuses_a_second_loop([&] { return event.wait(); }, [&] { event.set(); }));
  std::string log;
  run(await_event(event, 'a', log));
  EXPECT_EQ(log, "a");
}

ASYNC_TEST(Event, may_go_before_the_tasks_that_wait_for_it) {
  auto event = std::make_unique<Event>();
  std::string log;
  auto waiter = create_task(await_event(*event, 'a', log));
  co_await settle();
  event.reset();
  waiter.cancel();
  co_await settle();
  EXPECT_TRUE(waiter.cancelled());
}

}  // namespace
