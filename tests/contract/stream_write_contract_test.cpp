// SPDX-License-Identifier: MIT
// The writing half of the contract, and how connections end.
#include <asyncio/timeout.h>

#include "tests/contract/stream_contract.h"

#include <algorithm>
#include <list>
#include <optional>
#include <string>
#include <vector>

using namespace asyncio;
using namespace asyncio::testing;

namespace {

constexpr std::size_t much = 16'000'000;  // more than any kernel takes at once

Coro<> drain(StreamWriter& writer) { co_await writer.drain(); }
Coro<> wait_closed(StreamWriter& writer) { co_await writer.wait_closed(); }
Coro<std::string> read_all(StreamReader& reader) { co_return co_await reader.read(); }
Coro<std::string> read_some(StreamReader& reader, std::size_t count) { co_return co_await reader.read(count); }

// Bytes of which each differs from its neighbours, so that a loss or a swap shows.
std::string pattern(std::size_t size) {
  std::string text(size, ' ');
  std::uint32_t state = 1;
  for (char& c : text) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24);
  }
  return text;
}

// Writes until the loss of the connection is seen, and gives the error.
Coro<std::error_code> write_until_lost(StreamWriter& writer) {
  std::error_code code;
  try {
    for (;;) {
      writer.write("x");
      co_await writer.drain();
      co_await sleep(std::chrono::nanoseconds(0));
    }
  } catch (const std::system_error& error) {
    code = error.code();
  }
  co_return code;
}

}  // namespace

// BH-WR-01
STREAM_TEST(what_cannot_be_sent_is_kept_and_comes_in_order) {
  StreamPair pair = make({});
  const std::string sent = pattern(much);
  pair.first.writer.write(std::string_view(sent).substr(0, much / 2));
  EXPECT_GT(pair.first.writer.get_write_buffer_size(), 0u);
  pair.first.writer.write(std::string_view(sent).substr(much / 2));
  pair.first.writer.write_eof();
  const std::string got = co_await pair.second.reader.read();
  EXPECT_TRUE(got == sent);
  EXPECT_EQ(pair.first.writer.get_write_buffer_size(), 0u);
}

// BH-WR-01
EVEN_STREAM_TEST(drain_returns_at_once_below_the_high_water_mark) {
  StreamPair pair = make({});
  pair.first.writer.write("small");
  co_await pair.first.writer.drain();
  EXPECT_EQ(pair.first.writer.get_write_buffer_size(), 0u);
}

// BH-WR-01, BH-WR-03
STREAM_TEST(all_drains_wait_until_the_low_water_mark_is_reached) {
  StreamPair pair = make({});
  StreamWriter& writer = pair.first.writer;
  writer.set_write_buffer_limits(100'000, 1'000);
  writer.write(std::string(much, 'x'));
  std::vector<Task<>> drains;
  for (int i = 0; i < 3; ++i) drains.push_back(create_task(drain(writer)));
  co_await settle();
  for (const Task<>& task : drains) EXPECT_FALSE(task.done());

  std::size_t got = 0;
  while (!drains.front().done()) {
    const std::string part = co_await pair.second.reader.read(10'000);
    got += part.size();
    if (writer.get_write_buffer_size() > 1'000) {
      EXPECT_FALSE(drains.front().done());
    }
    if (writer.get_write_buffer_size() == 0) co_await settle();
  }
  for (const Task<>& task : drains) co_await task;
  EXPECT_LE(writer.get_write_buffer_size(), 1'000u);
  while (got < much) {
    const std::string part = co_await pair.second.reader.read(much);
    got += part.size();
  }
  EXPECT_EQ(got, much);
}

STREAM_TEST(a_cancelled_drain_changes_nothing_but_its_own_wait) {
  StreamPair pair = make({});
  const std::string sent = pattern(much);
  pair.first.writer.write(sent);
  auto first = create_task(drain(pair.first.writer));
  auto second = create_task(drain(pair.first.writer));
  co_await settle();
  first.cancel();
  co_await settle();
  EXPECT_TRUE(first.cancelled());
  EXPECT_FALSE(second.done());
  auto reading = create_task(read_all(pair.second.reader));
  co_await second;
  pair.first.writer.close();
  const std::string got = co_await reading;
  EXPECT_TRUE(got == sent);
}

STREAM_TEST(limits_that_contradict_each_other_are_refused) {
  StreamPair pair = make({});
  EXPECT_THROW(pair.first.writer.set_write_buffer_limits(10, 11), ValueError);
  pair.first.writer.set_write_buffer_limits(0);
  pair.first.writer.write(std::string(much, 'x'));
  auto waiting = create_task(drain(pair.first.writer));
  co_await settle();
  EXPECT_FALSE(waiting.done());
  pair.first.writer.set_write_buffer_limits(2 * much);  // what is kept is little now
  co_await waiting;
  pair.first.writer.abort();
}

STREAM_TEST(pieces_are_written_in_their_order) {
  StreamPair pair = make({});
  const std::vector<std::string> some{"a", "", "bc"};
  const std::list<std::string_view> more{"d", "e"};
  pair.first.writer.writelines(some);
  pair.first.writer.writelines(more);
  pair.first.writer.writelines(std::vector<std::string>());
  EXPECT_EQ(pair.first.writer.get_write_buffer_size(), 0u);
  pair.first.writer.close();
  pair.first.writer.writelines(some);
  const std::string got = co_await pair.second.reader.read();
  EXPECT_EQ(got, "abcde");
}

STREAM_TEST(a_range_that_throws_holds_nothing_up) {
  struct Failing {
    struct Iterator {
      int at;
      std::string_view operator*() const {
        if (at == 1) throw std::runtime_error("no more");
        return "first";
      }
      Iterator& operator++() {
        ++at;
        return *this;
      }
      bool operator!=(const Iterator& other) const { return at != other.at; }
    };
    Iterator begin() const { return {0}; }
    Iterator end() const { return {2}; }
  };
  StreamPair pair = make({});
  EXPECT_THROW(pair.first.writer.writelines(Failing()), std::runtime_error);
  pair.first.writer.write(" second");
  const std::string got = co_await pair.second.reader.readexactly(12);
  EXPECT_EQ(got, "first second");
}

// BH-WR-05, BH-WR-10
STREAM_TEST(write_eof_ends_one_direction_and_reading_goes_on) {
  StreamPair pair = make({});
  StreamWriter& writer = pair.first.writer;
  EXPECT_TRUE(writer.can_write_eof());
  const std::string sent = pattern(much);
  writer.write(sent);
  writer.write_eof();  // behind what is kept
  writer.write_eof();
  EXPECT_THROW(writer.write("x"), RuntimeError);
  EXPECT_THROW(writer.write(""), RuntimeError);
  const std::string got = co_await pair.second.reader.read();
  EXPECT_TRUE(got == sent);
  pair.second.writer.write("answer\n");
  const std::string answer = co_await pair.first.reader.readline();
  EXPECT_EQ(answer, "answer\n");
  EXPECT_FALSE(writer.is_closing());
}

// BH-WR-04
STREAM_TEST(close_sends_what_is_kept_first) {
  StreamPair pair = make({});
  StreamWriter& writer = pair.first.writer;
  const std::string sent = pattern(much);
  writer.write(sent);
  EXPECT_FALSE(writer.is_closing());
  writer.close();
  writer.close();
  EXPECT_TRUE(writer.is_closing());
  writer.write("dropped");
  writer.write_eof();
  auto first = create_task(wait_closed(writer));
  auto second = create_task(wait_closed(writer));
  auto draining = create_task(drain(writer));
  co_await settle();
  EXPECT_FALSE(first.done());
  const std::string got = co_await pair.second.reader.read();
  EXPECT_TRUE(got == sent);
  co_await first;
  co_await second;
  co_await draining;  // all was sent
  co_await writer.wait_closed();
}

// BH-WR-04
EVEN_STREAM_TEST(after_a_close_there_is_nothing_to_read) {
  StreamPair pair = make({});
  pair.second.writer.write("line\nrest");
  const std::string line = co_await pair.first.reader.readline();
  EXPECT_EQ(line, "line\n");
  pair.first.writer.close();
  co_await pair.first.writer.wait_closed();
  const std::string buffered = co_await pair.first.reader.read(100);
  EXPECT_EQ(buffered, "rest");
  const std::string nothing = co_await pair.first.reader.read(100);
  EXPECT_EQ(nothing, "");
  const bool incomplete = co_await throws<IncompleteReadError>(pair.first.reader.readexactly(1));
  EXPECT_TRUE(incomplete);
}

// BH-WR-02
STREAM_TEST(drain_tells_that_the_connection_is_closed) {
  StreamPair pair = make({});
  pair.first.writer.close();
  co_await pair.first.writer.wait_closed();  // some carriers take their time
  const std::error_code code = co_await error_of(pair.first.writer.drain());
  EXPECT_EQ(code, std::errc::connection_reset);
}

// BH-WR-02: a loop of write() and drain() on a connection that closes lets others run.
STREAM_TEST(drain_on_a_closing_connection_yields) {
  StreamPair pair = make({});
  pair.first.writer.set_write_buffer_limits(2 * much);
  pair.first.writer.write(std::string(much, 'x'));
  pair.first.writer.close();
  bool ran = false;
  get_running_loop().call_soon([&] { ran = true; });
  co_await pair.first.writer.drain();
  EXPECT_TRUE(ran);
  pair.first.writer.abort();
}

// BH-WR-03
STREAM_TEST(abort_drops_what_is_kept_and_fails_all_drains) {
  StreamPair pair = make({});
  pair.first.writer.write(std::string(much, 'x'));
  std::vector<Task<std::error_code>> drains;
  for (int i = 0; i < 3; ++i) drains.push_back(create_task(error_of(drain(pair.first.writer))));
  auto closed = create_task(wait_closed(pair.first.writer));
  auto reading = create_task(read_all(pair.first.reader));
  co_await settle();
  pair.first.writer.abort();
  pair.first.writer.abort();
  EXPECT_EQ(pair.first.writer.get_write_buffer_size(), 0u);
  for (const auto& task : drains) EXPECT_EQ(co_await task, std::errc::connection_reset);
  co_await closed;
  const std::string nothing = co_await reading;
  EXPECT_EQ(nothing, "");
}

STREAM_TEST(abort_after_close_does_not_wait_for_the_peer) {
  StreamPair pair = make({});
  pair.first.writer.write(std::string(much, 'x'));
  pair.first.writer.close();
  auto closed = create_task(wait_closed(pair.first.writer));
  co_await settle();
  EXPECT_FALSE(closed.done());
  pair.first.writer.abort();
  co_await closed;
}

// BH-WR-07
STREAM_TEST(a_writer_that_is_destroyed_sends_and_closes) {
  StreamPair pair = make({});
  const std::string sent = pattern(much);
  {
    const Connection gone = std::move(pair.first);
    const_cast<StreamWriter&>(gone.writer).write(sent);
  }
  const std::string got = co_await pair.second.reader.read();
  EXPECT_TRUE(got == sent);
}

// BH-WR-07
STREAM_TEST(in_debug_mode_a_writer_that_was_not_closed_warns) {
  get_running_loop().set_debug(true);
  {
    StreamPair pair = make({});
    pair.first.writer.close();
  }
  get_running_loop().set_debug(false);
  const std::vector<std::string> reports = take_reports();
  EXPECT_EQ(reports.size(), 1u);
  EXPECT_NE(reports.front().find("without close()"), std::string::npos);
  co_return;
}

// BH-RD-14, BH-WR-02, BH-WR-11
STREAM_TEST(the_loss_of_the_peer_is_seen_by_the_writer_and_then_everywhere) {
  StreamPair pair = make({});
  pair.second.writer.write("buffered\nrest");
  const std::string line = co_await pair.first.reader.readline();
  EXPECT_EQ(line, "buffered\n");
  {
    const Connection gone = std::move(pair.second);
  }
  const std::error_code first = co_await write_until_lost(pair.first.writer);
  EXPECT_TRUE(is_connection_lost(first)) << first.message();
  EXPECT_TRUE(pair.first.writer.is_closing());
  const std::error_code drained = co_await error_of(pair.first.writer.drain());
  EXPECT_EQ(drained, first);
  const std::error_code read = co_await error_of(pair.first.reader.read(100));  // though "rest" is there
  EXPECT_EQ(read, first);
  const std::error_code closed = co_await error_of(pair.first.writer.wait_closed());
  EXPECT_EQ(closed, first);
  pair.first.writer.write("ignored");
  pair.first.writer.close();
}

// BH-WR-11: the error of a connection that nobody asks for is not reported (the harness looks).
STREAM_TEST(the_loss_of_a_connection_that_nobody_watches_is_no_report) {
  StreamPair pair = make({});
  pair.first.writer.write(std::string(much, 'x'));
  {
    const Connection gone = std::move(pair.second);
  }
  co_await settle();
}

STREAM_TEST(waiting_drains_fail_when_the_peer_goes) {
  StreamPair pair = make({});
  pair.first.writer.write(std::string(much, 'x'));
  auto one = create_task(error_of(drain(pair.first.writer)));
  auto two = create_task(error_of(drain(pair.first.writer)));
  co_await settle();
  EXPECT_FALSE(one.done());
  pair.second.writer.abort();
  const std::error_code first = co_await one;
  EXPECT_TRUE(is_connection_lost(first)) << first.message();
  const std::error_code second = co_await two;
  EXPECT_EQ(second, first);
}

STREAM_TEST(a_connection_that_goes_while_it_is_drained_ends_the_wait) {
  std::optional<StreamPair> pair(make({}));
  pair->first.writer.write(std::string(much, 'x'));
  auto draining = create_task(error_of(drain(pair->first.writer)));
  auto closing = create_task(error_of(wait_closed(pair->first.writer)));
  co_await settle();
  pair.reset();  // the peer goes too, so that what is kept cannot be sent
  const std::error_code drained = co_await draining;
  EXPECT_TRUE(is_connection_lost(drained)) << drained.message();
  const std::error_code closed = co_await closing;
  EXPECT_EQ(closed, drained);
}

// The fairness rule: 128 operations in a row that need no wait, then the others.
ASYNC_TEST(MemoryStream, an_endless_stream_of_buffered_data_starves_nobody) {
  StreamPair pair = make_stream_pair(1'000'000);
  pair.first.writer.write(std::string(100'000, 'x'));
  int steps_of_another = 0;
  auto other = create_task(
      [](int& steps) -> Coro<> {
        for (;;) {
          ++steps;
          co_await sleep(std::chrono::nanoseconds(0));
        }
      },
      std::ref(steps_of_another));
  for (int i = 0; i < 1280; ++i) {
    const std::string byte = co_await pair.second.reader.read(1);
    EXPECT_EQ(byte.size(), 1u);
  }
  EXPECT_GE(steps_of_another, 8);
  EXPECT_LE(steps_of_another, 12);

  const int before = steps_of_another;
  for (int i = 0; i < 1280; ++i) {
    pair.first.writer.write("x");
    co_await pair.first.writer.drain();
  }
  EXPECT_GE(steps_of_another, before + 8);
  EXPECT_LE(steps_of_another, before + 12);
  other.cancel();
  co_await settle();
}

ASYNC_TEST(MemoryStream, a_capacity_of_nothing_is_refused) {
  bool thrown = false;
  try {
    StreamPair pair = make_stream_pair(0);
  } catch (const ValueError&) {
    thrown = true;
  }
  EXPECT_TRUE(thrown);
  co_return;
}

ASYNC_TEST(MemoryStream, has_no_addresses) {
  StreamPair pair = make_stream_pair();
  EXPECT_EQ(pair.first.writer.get_extra_info("peername").index(), 0u);
  EXPECT_THROW(pair.first.writer.peername(), std::system_error);
  co_return;
}

EVEN_STREAM_TEST(a_moved_connection_is_the_same_connection) {
  StreamPair pair = make({});
  Connection moved = std::move(pair.first);
  moved.writer.write("abc");
  const std::string got = co_await read_some(pair.second.reader, 3);
  EXPECT_EQ(got, "abc");
  StreamPair other = make({});
  moved = std::move(other.first);  // and what it was goes to `other`
  moved.writer.write("def");
  const std::string next = co_await read_some(other.second.reader, 3);
  EXPECT_EQ(next, "def");
}

// A wait with a time-out is the way to bound every one of them.
STREAM_TEST(a_read_can_be_timed_out_and_repeated) {
  StreamPair pair = make({});
  const bool timed_out =
      co_await throws<TimeoutError>(wait_for(pair.second.reader.readline(), std::chrono::nanoseconds(0)));
  EXPECT_TRUE(timed_out);
  pair.first.writer.write("line\n");
  const std::string line = co_await wait_for(pair.second.reader.readline(), std::chrono::seconds(30));
  EXPECT_EQ(line, "line\n");
}

// --- the end of the peer, noticed without reading

namespace {
Coro<> wait_disconnected(StreamWriter& writer) { co_await writer.wait_disconnected(); }
}  // namespace

STREAM_TEST(a_peer_that_closes_is_noticed_while_nobody_reads_and_what_it_sent_stays) {
  StreamPair pair = make({});
  const std::string sent(1000, 'x');
  pair.first.writer.write(sent);
  auto one = create_task(wait_disconnected(pair.second.writer));
  auto two = create_task(wait_disconnected(pair.second.writer));
  auto cancelled = create_task(wait_disconnected(pair.second.writer));
  co_await settle();
  EXPECT_FALSE(one.done());
  cancelled.cancel();
  co_await settle();
  EXPECT_TRUE(cancelled.cancelled());
  pair.first.writer.close();
  co_await one;
  co_await two;
  co_await pair.second.writer.wait_disconnected();  // at once from now on
  EXPECT_FALSE(pair.second.writer.is_closing());
  const std::string got = co_await pair.second.reader.read();
  EXPECT_EQ(got, sent);
}

STREAM_TEST(an_end_of_this_side_ends_the_wait_for_that_of_the_peer) {
  StreamPair pair = make({});
  auto closed = create_task(wait_disconnected(pair.first.writer));
  auto aborted = create_task(wait_disconnected(pair.second.writer));
  co_await settle();
  pair.second.writer.abort();
  co_await aborted;
  pair.first.writer.close();
  co_await closed;
}

STREAM_TEST(a_reader_that_meets_the_end_tells_those_who_wait_for_it) {
  StreamPair pair = make({});
  auto waiting = create_task(wait_disconnected(pair.second.writer));
  co_await settle();
  pair.first.writer.write_eof();
  const std::string nothing = co_await pair.second.reader.read();
  EXPECT_EQ(nothing, "");
  co_await waiting;
}
