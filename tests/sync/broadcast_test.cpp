// SPDX-License-Identifier: MIT
#include <asyncio/broadcast.h>

#include "tests/sync/support.h"

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

using Feed = Broadcast<std::string>;

// Collects what comes until the end; "<n>" stands for n items that were lost.
Coro<> collect(Feed::Subscription subscription, std::string& log) {
  while (true) {
    try {
      auto item = co_await subscription.next();
      if (!item) break;
      log += *item;
    } catch (const Lagged& lagged) {
      log += "<" + std::to_string(lagged.count()) + ">";
    }
  }
  log += ".";
}

TEST(Broadcast, keeps_at_least_one_item) {
  EXPECT_THROW(Feed(0), ValueError);
  EXPECT_THROW(Feed(-1), ValueError);
}

ASYNC_TEST(Broadcast, gives_every_item_to_every_subscriber) {
  Feed feed(4);
  feed.send("nobody hears this");
  std::string first;
  std::string second;
  auto a = create_task(collect(feed.subscribe(), first));
  co_await settle();
  EXPECT_EQ(reason(a), "Broadcast.next");
  feed.send("a");
  auto b = create_task(collect(feed.subscribe(), second));
  co_await settle();
  feed.send("b");
  feed.send("c");
  co_await settle();
  EXPECT_EQ(first, "abc");
  EXPECT_EQ(second, "bc");

  feed.close();
  feed.close();
  EXPECT_TRUE(feed.closed());
  co_await a;
  co_await b;
  EXPECT_EQ(first, "abc.");
  EXPECT_EQ(second, "bc.");
  EXPECT_THROW(feed.send("d"), RuntimeError);
}

ASYNC_TEST(Broadcast, gives_what_is_kept_without_suspension) {
  Feed feed(2);
  auto subscription = feed.subscribe();
  feed.send("a");
  EXPECT_EQ(subscription.behind(), 1u);
  EXPECT_FALSE(co_await suspends(subscription.next()));
  EXPECT_EQ(subscription.behind(), 0u);
  feed.send("b");
  feed.close();
  EXPECT_EQ(co_await subscription.next(), "b");
  EXPECT_EQ(co_await subscription.next(), std::nullopt);
  EXPECT_EQ(co_await subscription.next(), std::nullopt);
}

ASYNC_TEST(Broadcast, tells_a_subscriber_that_lags_how_much_it_has_lost) {
  Feed feed(3);
  auto subscription = feed.subscribe();
  for (char c = 'a'; c <= 'h'; ++c) feed.send(std::string(1, c));
  EXPECT_EQ(subscription.behind(), 8u);
  std::string log;
  feed.close();
  co_await collect(subscription, log);
  EXPECT_EQ(log, "<5>fgh.");
  EXPECT_STREQ(Lagged(5).what(), "lost 5 items");
}

ASYNC_TEST(Broadcast, waits_for_nobody_who_is_slow) {
  Feed feed(2);
  std::string fast;
  std::string slow;
  auto a = create_task(collect(feed.subscribe(), fast));
  auto b = create_task(
      [](Feed::Subscription subscription, std::string& log) -> Coro<> {
        co_await sleep(1h);
        co_await collect(subscription, log);
      },
      feed.subscribe(), std::ref(slow));
  for (char c = 'a'; c <= 'e'; ++c) {
    feed.send(std::string(1, c));
    co_await settle();
  }
  EXPECT_EQ(fast, "abcde");
  feed.close();
  co_await b;
  EXPECT_EQ(slow, "<3>de.");
  EXPECT_EQ(fast, "abcde.");
}

ASYNC_TEST(Broadcast, loses_nothing_by_a_cancel) {
  Feed feed(4);
  auto subscription = feed.subscribe();
  auto reader = create_task([](Feed::Subscription& mine) -> Coro<> { co_await mine.next(); }, std::ref(subscription));
  co_await settle();
  feed.send("a");
  reader.cancel();
  co_await settle();
  EXPECT_TRUE(reader.cancelled());
  EXPECT_EQ(co_await subscription.next(), "a");

  auto waiting = create_task(subscription.next());
  co_await settle();
  waiting.cancel();
  co_await settle();
  feed.send("b");
  EXPECT_EQ(co_await subscription.next(), "b");
}

ASYNC_TEST(Broadcast, refuses_a_second_reader_of_one_subscription) {
  Feed feed(4);
  auto subscription = feed.subscribe();
  auto first = create_task(subscription.next());
  auto second = create_task(subscription.next());
  co_await settle();
  feed.send("a");
  EXPECT_EQ(co_await first, "a");
  EXPECT_TRUE(co_await throws<RuntimeError>(second));
}

ASYNC_TEST(Broadcast, that_goes_ends_its_subscriptions) {
  auto feed = std::make_unique<Feed>(2);
  auto subscription = feed->subscribe();
  auto copy = subscription;
  std::string log;
  feed->send("a");
  auto reader = create_task(collect(feed->subscribe(), log));
  co_await settle();
  feed.reset();
  co_await reader;
  EXPECT_EQ(log, ".");
  EXPECT_EQ(co_await subscription.next(), "a");
  EXPECT_EQ(co_await subscription.next(), std::nullopt);
  EXPECT_EQ(co_await copy.next(), "a");
}

TEST(Broadcast, belongs_to_a_loop_while_somebody_waits) {
  Feed feed(2);
  auto subscription = feed.subscribe();
  EXPECT_TRUE(refuses_a_second_loop([&] { return subscription.next(); }, [&] { feed.send("a"); }));
}

}  // namespace
