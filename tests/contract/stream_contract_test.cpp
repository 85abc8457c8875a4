// SPDX-License-Identifier: MIT
// The reading half of the contract: what every function of StreamReader does with what comes, however it comes.
#include "tests/contract/stream_contract.h"

#include <array>
#include <string>
#include <vector>

using namespace asyncio;
using namespace asyncio::testing;

namespace {

Coro<std::string> take(detail::ReadString operation) { co_return co_await std::move(operation); }
Coro<std::string> take_until(detail::ReadUntil operation) { co_return co_await std::move(operation); }

// Writes the parts, and lets the reader see each by itself.
Coro<> write_parts(StreamWriter& writer, std::vector<std::string> parts) {
  for (const std::string& part : parts) {
    writer.write(part);
    co_await settle();
  }
}

}  // namespace

// BH-RD-03
EVEN_STREAM_TEST(read_gives_what_is_there_up_to_the_count) {
  StreamPair pair = make({});
  pair.first.writer.write("hello");
  const std::string first = co_await pair.second.reader.read(3);
  EXPECT_EQ(first, "hel");
  const std::string rest = co_await pair.second.reader.read(100);
  EXPECT_EQ(rest, "lo");

  auto waiting = create_task(take(pair.second.reader.read(100)));
  co_await settle();
  EXPECT_FALSE(waiting.done());
  pair.first.writer.write("x");
  const std::string one = co_await waiting;
  EXPECT_EQ(one, "x");
}

// BH-RD-03
STREAM_TEST(reading_nothing_never_waits) {
  StreamPair pair = make({});
  std::array<std::byte, 1> unused;
  for (int i = 0; i < 500; ++i) {  // more than a task may do in a row
    const std::string some = co_await pair.second.reader.read(0);
    const std::string exact = co_await pair.second.reader.readexactly(0);
    const std::size_t into = co_await pair.second.reader.read_into(std::span(unused).first(0));
    EXPECT_EQ(some.size() + exact.size() + into, 0u);
  }
  EXPECT_FALSE(pair.second.reader.at_eof());
}

// BH-RD-03
STREAM_TEST(read_without_a_count_gives_everything_up_to_the_end) {
  StreamPair pair = make({.limit = 16});
  const std::string sent(1'000'000, 'x');
  pair.first.writer.write(sent);
  pair.first.writer.write_eof();
  const std::string got = co_await pair.second.reader.read();
  EXPECT_EQ(got, sent);
  EXPECT_TRUE(pair.second.reader.at_eof());
}

// BH-RD-03, BH-RD-13
EVEN_STREAM_TEST(the_end_of_the_stream_is_an_empty_result_again_and_again) {
  StreamPair pair = make({});
  StreamReader& reader = pair.second.reader;
  pair.first.writer.write("last");
  pair.first.writer.write_eof();
  EXPECT_FALSE(reader.at_eof());
  const std::string some = co_await reader.read(2);
  EXPECT_EQ(some, "la");
  const std::string last = co_await reader.readexactly(2);
  EXPECT_EQ(last, "st");
  for (int i = 0; i < 3; ++i) {
    const std::string nothing = co_await reader.read(10);
    const std::string no_line = co_await reader.readline();
    const std::optional<std::string> no_next = co_await reader.next_line();
    const std::string all = co_await reader.read();
    std::array<std::byte, 4> room;
    const std::size_t count = co_await reader.read_into(room);
    EXPECT_EQ(nothing + no_line + all, "");
    EXPECT_FALSE(no_next.has_value());
    EXPECT_EQ(count, 0u);
    EXPECT_TRUE(reader.at_eof());
  }
}

EVEN_STREAM_TEST(read_into_fills_the_memory_of_the_caller) {
  StreamPair pair = make({});
  pair.first.writer.write("a line\nabcdef");
  const std::string line = co_await pair.second.reader.readline();
  EXPECT_EQ(line, "a line\n");
  std::array<std::byte, 4> room{};
  const std::size_t first = co_await pair.second.reader.read_into(room);  // from the buffer
  EXPECT_EQ(first, 4u);
  EXPECT_EQ(room[0], std::byte{'a'});
  const std::size_t second = co_await pair.second.reader.read_into(std::span(room).subspan(1));
  EXPECT_EQ(second, 2u);
  pair.first.writer.write("xyz");
  const std::size_t third = co_await pair.second.reader.read_into(room);  // straight from where it came
  EXPECT_EQ(third, 3u);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(room.data()), 4), "xyzd");
}

// BH-RD-04
STREAM_TEST(readexactly_takes_no_negative_count) {
  StreamPair pair = make({});
  EXPECT_THROW((void)pair.second.reader.readexactly(static_cast<std::size_t>(-1)), ValueError);
  co_return;
}

// BH-RD-04
STREAM_TEST(readexactly_waits_for_the_count_and_may_pass_the_limit) {
  StreamPair pair = make({.limit = 4});
  auto waiting = create_task(take(pair.second.reader.readexactly(300'000)));
  for (int i = 0; i < 30; ++i) {
    co_await settle();
    EXPECT_FALSE(waiting.done());
    pair.first.writer.write(std::string(10'000, static_cast<char>('a' + i)));
  }
  const std::string got = co_await waiting;
  EXPECT_EQ(got.size(), 300'000u);
  EXPECT_EQ(got.front(), 'a');
  EXPECT_EQ(got[155'000], 'p');
}

// BH-RD-04
STREAM_TEST(readexactly_tells_what_came_before_the_end) {
  StreamPair pair = make({});
  pair.first.writer.write("half");
  pair.first.writer.write_eof();
  bool thrown = false;
  try {
    co_await pair.second.reader.readexactly(8);
  } catch (const IncompleteReadError& error) {
    thrown = true;
    EXPECT_EQ(error.partial(), "half");
    EXPECT_EQ(error.expected(), 8u);
  }
  EXPECT_TRUE(thrown);
  EXPECT_TRUE(pair.second.reader.at_eof());
}

// BH-RD-05
STREAM_TEST(a_separator_may_be_split_anywhere) {
  const std::string text = "ab\r\ncd\r\r\n\r\nx";
  for (std::size_t first = 0; first <= text.size(); ++first) {
    for (std::size_t second = first; second <= text.size(); ++second) {
      StreamPair pair = make({});
      auto writing = create_task(write_parts(
          pair.first.writer, {text.substr(0, first), text.substr(first, second - first), text.substr(second)}));
      std::string lines;
      for (int i = 0; i < 3; ++i) {
        lines += co_await pair.second.reader.readuntil("\r\n");
        lines += '|';
      }
      const std::string rest = co_await pair.second.reader.readexactly(1);
      EXPECT_EQ(lines + rest, "ab\r\n|cd\r\r\n|\r\n|x") << "split at " << first << " and " << second;
      co_await writing;
      pair.first.writer.close();
      pair.second.writer.close();
    }
  }
}

// BH-RD-05
STREAM_TEST(a_separator_may_come_byte_by_byte) {
  StreamPair pair = make({});
  auto waiting = create_task(take_until(pair.second.reader.readuntil("aab")));
  for (const char byte : std::string("xaaab")) {
    co_await settle();
    EXPECT_FALSE(waiting.done());
    pair.first.writer.write({&byte, 1});
  }
  const std::string got = co_await waiting;
  EXPECT_EQ(got, "xaaab");
}

// BH-RD-06
STREAM_TEST(of_several_separators_the_one_that_ends_first_counts) {
  StreamPair pair = make({});
  StreamReader& reader = pair.second.reader;
  pair.first.writer.write("1;22--333;end");
  const std::string one = co_await reader.readuntil("--", ";");
  EXPECT_EQ(one, "1;");
  const std::string two = co_await reader.readuntil("--", ";");
  EXPECT_EQ(two, "22--");
  const std::string three = co_await reader.readuntil(";end", "3;", ";");
  EXPECT_EQ(three, "333;");
  EXPECT_THROW((void)reader.readuntil(""), ValueError);
  EXPECT_THROW((void)reader.readuntil("x", ""), ValueError);
}

// BH-RD-06
STREAM_TEST(of_separators_that_end_together_the_shortest_counts_for_the_limit) {
  StreamPair pair = make({.limit = 3});
  pair.first.writer.write("abcd--");
  bool thrown = false;
  try {
    co_await pair.second.reader.readuntil("bcd--", "--");
  } catch (const LimitOverrunError& error) {
    thrown = true;
    EXPECT_EQ(error.consumed(), 4u);  // in front of "--", not of "bcd--"
  }
  EXPECT_TRUE(thrown);
}

// BH-RD-06
STREAM_TEST(a_rare_separator_far_away_is_found_beside_a_frequent_one) {
  StreamPair pair = make({});
  std::string text;
  for (int i = 0; i < 3000; ++i) text += "line\n";
  pair.first.writer.write(text + "STOP" + text);
  int lines = 0;
  for (;;) {
    const std::string line = co_await pair.second.reader.readuntil("\n", "STOP");
    if (line == "STOP") break;
    ++lines;
  }
  EXPECT_EQ(lines, 3000);
}

// BH-RD-07, BH-RD-08
STREAM_TEST(the_limit_is_what_may_stand_before_the_separator) {
  StreamPair pair = make({.limit = 4});
  StreamReader& reader = pair.second.reader;
  EXPECT_EQ(reader.limit(), 4u);
  pair.first.writer.write("abcd\r\n12345\r\nrest\n");
  const std::string fits = co_await reader.readuntil("\r\n");
  EXPECT_EQ(fits, "abcd\r\n");
  bool thrown = false;
  std::size_t consumed = 0;
  try {
    co_await reader.readuntil("\r\n");
  } catch (const LimitOverrunError& error) {
    thrown = true;
    consumed = error.consumed();
  }
  EXPECT_TRUE(thrown);
  EXPECT_EQ(consumed, 5u);
  const std::string there = co_await reader.readexactly(consumed);  // it is still there
  EXPECT_EQ(there, "12345");
  const std::string separator = co_await reader.readuntil("\r\n");
  EXPECT_EQ(separator, "\r\n");
  const std::string rest = co_await reader.readline();
  EXPECT_EQ(rest, "rest\n");
}

// BH-RD-09
EVEN_STREAM_TEST(without_a_separator_the_bytes_that_cannot_belong_to_one_are_told) {
  StreamPair pair = make({.limit = 4});
  StreamReader& reader = pair.second.reader;
  pair.first.writer.write("123456\r");
  std::size_t consumed = 0;
  try {
    co_await reader.readuntil("\r\n");
  } catch (const LimitOverrunError& error) {
    consumed = error.consumed();
  }
  EXPECT_EQ(consumed, 6u);
  pair.first.writer.write("\n");
  const std::string there = co_await reader.readexactly(consumed);
  EXPECT_EQ(there, "123456");
  const std::string separator = co_await reader.readuntil("\r\n");
  EXPECT_EQ(separator, "\r\n");
}

// BH-RD-10
STREAM_TEST(the_end_before_a_separator_tells_what_came) {
  StreamPair pair = make({});
  auto waiting = create_task(take_until(pair.second.reader.readuntil("--")));
  co_await settle();
  pair.first.writer.write("ab-");
  pair.first.writer.write_eof();
  bool thrown = false;
  try {
    co_await waiting;
  } catch (const IncompleteReadError& error) {
    thrown = true;
    EXPECT_EQ(error.partial(), "ab-");
    EXPECT_FALSE(error.expected().has_value());
  }
  EXPECT_TRUE(thrown);
  EXPECT_TRUE(pair.second.reader.at_eof());
}

// BH-RD-10
STREAM_TEST(a_separator_that_comes_with_the_end_is_found) {
  StreamPair pair = make({});
  pair.first.writer.write("ab--");
  pair.first.writer.close();
  const std::string got = co_await pair.second.reader.readuntil("--");
  EXPECT_EQ(got, "ab--");
  const std::string nothing = co_await pair.second.reader.read();
  EXPECT_EQ(nothing, "");
}

// BH-RD-11, BH-RD-12
STREAM_TEST(lines_come_with_their_newline_and_the_last_as_it_is) {
  StreamPair pair = make({});
  pair.first.writer.write("one\n\ntwo\nthree");
  pair.first.writer.write_eof();
  std::vector<std::string> lines;
  while (auto line = co_await pair.second.reader.next_line()) lines.push_back(*line);
  EXPECT_EQ(lines, (std::vector<std::string>{"one\n", "\n", "two\n", "three"}));
}

// BH-RD-11
EVEN_STREAM_TEST(a_line_over_the_limit_is_dropped_and_the_next_can_be_read) {
  StreamPair pair = make({.limit = 4});
  StreamReader& reader = pair.second.reader;
  pair.first.writer.write("1234\n12345\nnext\n");
  const std::string fits = co_await reader.readline();
  EXPECT_EQ(fits, "1234\n");
  const bool thrown = co_await throws<LimitOverrunError>(reader.readline());
  EXPECT_TRUE(thrown);
  const std::string next = co_await reader.readline();
  EXPECT_EQ(next, "next\n");

  // Its end has not come yet: the rest of it is what comes next.
  pair.first.writer.write("abcdefg");
  const bool thrown_again = co_await throws<LimitOverrunError>(reader.next_line());
  EXPECT_TRUE(thrown_again);
  pair.first.writer.write("hi\nend\n");
  const std::string rest = co_await reader.readline();
  EXPECT_EQ(rest, "hi\n");
  const std::string end = co_await reader.readline();
  EXPECT_EQ(end, "end\n");
}

// BH-RD-01
STREAM_TEST(a_limit_of_nothing_is_refused) {
  bool thrown = false;
  try {
    StreamPair pair = make({.limit = 0});
  } catch (const ValueError&) {
    thrown = true;
  }
  EXPECT_TRUE(thrown);
  co_return;
}

// BH-RD-02
STREAM_TEST(a_second_task_that_would_wait_is_refused_and_the_first_goes_on) {
  StreamPair pair = make({});
  StreamReader& reader = pair.second.reader;
  auto first = create_task(take(reader.readexactly(4)));
  co_await settle();
  const std::array<const char*, 4> names{"StreamReader.read", "StreamReader.readexactly", "StreamReader.readline",
                                         "StreamReader.readuntil"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    std::string what;
    try {
      if (i == 0) co_await reader.read();
      if (i == 1) co_await reader.readexactly(2);
      if (i == 2) co_await reader.readline();
      if (i == 3) co_await reader.readuntil("\n");
    } catch (const RuntimeError& error) {
      what = error.what();
    }
    EXPECT_EQ(what.substr(0, std::string(names[i]).size()), names[i]);
    EXPECT_FALSE(first.done());
  }
  pair.first.writer.write("data");
  const std::string got = co_await first;
  EXPECT_EQ(got, "data");
}

// BH-RD-02
EVEN_STREAM_TEST(what_is_buffered_can_be_read_while_another_task_waits_for_more) {
  StreamPair pair = make({});
  StreamReader& reader = pair.second.reader;
  pair.first.writer.write("\nabc\nxyz");
  const std::string empty_line = co_await reader.readline();
  EXPECT_EQ(empty_line, "\n");
  const std::string line = co_await reader.readline();
  EXPECT_EQ(line, "abc\n");
  auto waiting = create_task(take(reader.readline()));  // has looked at xyz
  co_await settle();
  const std::string taken = co_await reader.read(2);
  EXPECT_EQ(taken, "xy");
  pair.first.writer.write("\n12\n");  // the newline is now where the search has been
  const std::string got = co_await waiting;
  EXPECT_EQ(got, "z\n");

  auto exact = create_task(take(reader.readexactly(6)));  // has taken what was there
  co_await settle();
  const bool refused = co_await throws<RuntimeError>(reader.readexactly(10));
  EXPECT_TRUE(refused);
  const std::string first = co_await reader.read(1);
  EXPECT_EQ(first, "1");
  pair.first.writer.write("abcd");
  const std::string rest = co_await exact;
  EXPECT_EQ(rest, "2\nabcd");
}

// BH-RD-15
EVEN_STREAM_TEST(a_cancelled_read_leaves_the_reader_usable_at_once) {
  StreamPair pair = make({});
  StreamReader& reader = pair.second.reader;
  pair.first.writer.write("abc");
  auto waiting = create_task(take(reader.readexactly(5)));
  co_await settle();
  waiting.cancel();
  const bool cancelled = co_await throws<CancelledError>(waiting);
  EXPECT_TRUE(cancelled);
  const std::string got = co_await reader.read(10);
  EXPECT_EQ(got, "abc");
}

// BH-RD-02
STREAM_TEST(a_read_ends_when_the_handles_go_while_it_waits) {
  StreamPair pair = make({});
  auto reading = create_task(take(pair.second.reader.read(10)));
  co_await settle();
  {
    const Connection gone = std::move(pair.second);
  }
  const std::string nothing = co_await reading;
  EXPECT_EQ(nothing, "");
}

// BH-RD-01: nothing is read while nobody waits, and then no more than the limit and one receive.
ASYNC_TEST(MemoryStream, a_reader_holds_at_most_its_limit_and_one_receive) {
  constexpr std::size_t capacity = 1000;
  constexpr std::size_t one_receive = 64 * 1024;
  StreamPair pair = make_stream_pair(capacity, {.limit = 100});
  const std::string sent = "line\n" + std::string(1'000'000, 'x');
  pair.first.writer.write(sent);
  co_await settle();
  EXPECT_EQ(pair.first.writer.get_write_buffer_size(), sent.size() - capacity);
  const std::string line = co_await pair.second.reader.readline();
  EXPECT_EQ(line, "line\n");
  co_await settle();
  const std::size_t kept = pair.first.writer.get_write_buffer_size();
  EXPECT_GE(kept, sent.size() - capacity - one_receive);
  for (int i = 0; i < 10; ++i) {  // it stays so, however often a separator is looked for
    const bool overrun = co_await throws<LimitOverrunError>(pair.second.reader.readuntil("\n"));
    EXPECT_TRUE(overrun);
  }
  EXPECT_EQ(pair.first.writer.get_write_buffer_size(), kept);
  pair.first.writer.abort();
}
