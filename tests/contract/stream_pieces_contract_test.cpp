// SPDX-License-Identifier: MIT
// What is written in pieces, put back, or read without its newline; and operations that outlive what they were made by.
#include "tests/contract/stream_contract.h"

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

using namespace asyncio;
using namespace asyncio::testing;

namespace {

Coro<std::string> take(detail::ReadString operation) { co_return co_await std::move(operation); }

template <class Number>
std::string numbered(Number count) {
  std::string text;
  for (Number i = 0; i < count; ++i) text += std::to_string(i) + ' ';
  return text;
}

}  // namespace

STREAM_TEST(several_pieces_of_one_write_come_in_their_order) {
  StreamPair pair = make({});
  const std::string head = "head ";
  const std::array<std::byte, 3> bytes{std::byte{'a'}, std::byte{'b'}, std::byte{'c'}};
  const std::string body = numbered(100'000);
  pair.first.writer.write(head, std::span(bytes), "", std::string_view(" "), body, "end");
  pair.first.writer.write("", "");
  pair.first.writer.write_eof();
  EXPECT_THROW(pair.first.writer.write("x", "y"), RuntimeError);
  const std::string got = co_await pair.second.reader.read();
  EXPECT_TRUE(got == "head abc " + body + "end");
}

STREAM_TEST(pieces_behind_what_is_kept_wait_for_it) {
  StreamPair pair = make({});
  const std::string much = numbered(2'000'000);
  pair.first.writer.write(much, much);
  EXPECT_GT(pair.first.writer.get_write_buffer_size(), 0u);
  pair.first.writer.write("1", "2", much);
  pair.first.writer.close();
  const std::string got = co_await pair.second.reader.read();
  EXPECT_TRUE(got == much + much + "12" + much);
}

STREAM_TEST(many_pieces_come_in_their_order) {
  StreamPair pair = make({});
  std::vector<std::string> pieces;
  std::string all;
  for (int i = 0; i < 200; ++i) {
    pieces.push_back(i % 7 == 0 ? "" : std::string(i % 11 == 0 ? 20'000 : 3, static_cast<char>('a' + i % 26)));
    all += pieces.back();
  }
  pair.first.writer.writelines(pieces);
  pair.first.writer.write(pieces[1], pieces[2], pieces[3], pieces[4], pieces[5], pieces[6], pieces[7], pieces[8],
                          pieces[9], pieces[10], pieces[11], pieces[12], pieces[13], pieces[14], pieces[15], pieces[16],
                          pieces[17], pieces[18], pieces[19]);
  for (std::size_t i = 1; i < 20; ++i) all += pieces[i];
  pair.first.writer.close();
  const std::string got = co_await pair.second.reader.read();
  EXPECT_TRUE(got == all);
}

EVEN_STREAM_TEST(a_cork_keeps_what_is_written_until_its_end) {
  StreamPair pair = make({});
  StreamWriter& writer = pair.first.writer;
  {
    const StreamWriter::Cork cork(writer);
    writer.write("one ");
    {
      const StreamWriter::Cork inner(writer);
      writer.write("two ", "three ");
    }
    writer.writelines(std::vector<std::string>{"four ", "five"});
    EXPECT_EQ(writer.get_write_buffer_size(), std::string("one two three four five").size());
    auto reading = create_task(take(pair.second.reader.read(100)));
    co_await settle();
    EXPECT_FALSE(reading.done());
    reading.cancel();
    co_await settle();
  }
  EXPECT_EQ(writer.get_write_buffer_size(), 0u);
  const std::string got = co_await pair.second.reader.read(100);
  EXPECT_EQ(got, "one two three four five");
}

EVEN_STREAM_TEST(a_large_piece_within_a_cork_is_sent_with_what_was_kept_before_it) {
  StreamPair pair = make({});
  StreamWriter& writer = pair.first.writer;
  const std::string large(20'000, 'x');
  const StreamWriter::Cork cork(writer);
  writer.write("small");
  EXPECT_EQ(writer.get_write_buffer_size(), 5u);
  writer.write(large);
  EXPECT_EQ(writer.get_write_buffer_size(), 0u);
  const std::string got = co_await pair.second.reader.readexactly(5 + large.size());
  EXPECT_TRUE(got == "small" + large);
}

STREAM_TEST(a_close_within_a_cork_sends_at_once_and_a_cork_keeps_its_connection) {
  StreamPair pair = make({});
  {
    const StreamWriter::Cork cork(pair.first.writer);
    pair.first.writer.write("kept");
    pair.first.writer.close();
    const std::string got = co_await pair.second.reader.read();
    EXPECT_EQ(got, "kept");
    pair.first.writer.write("dropped");
  }
  std::optional<StreamPair> other(make({}));
  {
    const StreamWriter::Cork cork(other->first.writer);
    other->first.writer.write("last");
    const Connection gone = std::move(other->first);
  }
  const std::string last = co_await other->second.reader.read();
  EXPECT_EQ(last, "last");
}

STREAM_TEST(what_is_put_back_is_read_first) {
  StreamPair pair = make({});
  StreamReader& reader = pair.second.reader;
  pair.first.writer.write("GET / HTTP/1.1\n");
  const std::string looked_at = co_await reader.readexactly(4);
  EXPECT_EQ(looked_at, "GET ");
  reader.unread(looked_at);
  reader.unread("");
  const std::string line = co_await reader.readline();
  EXPECT_EQ(line, "GET / HTTP/1.1\n");

  auto waiting = create_task(take(reader.readexactly(6)));
  pair.first.writer.write("cd");
  co_await settle();
  EXPECT_FALSE(waiting.done());
  reader.unread("ab");  // in front of what the read has collected
  co_await settle();
  pair.first.writer.write("ef");
  const std::string six = co_await waiting;
  EXPECT_EQ(six, "abcdef");

  auto some = create_task(take(reader.read(10)));
  co_await settle();
  reader.unread("now");
  const std::string now = co_await some;
  EXPECT_EQ(now, "now");

  pair.first.writer.close();
  const std::string nothing = co_await reader.read();
  EXPECT_EQ(nothing, "");
  EXPECT_TRUE(reader.at_eof());
  reader.unread("behind the end");
  EXPECT_FALSE(reader.at_eof());
  const std::string behind = co_await reader.read();
  EXPECT_EQ(behind, "behind the end");
  EXPECT_TRUE(reader.at_eof());
}

STREAM_TEST(a_line_may_come_without_its_newline) {
  StreamPair pair = make({});
  pair.first.writer.write("one\n\r\n\ntwo\r\nthree\r\r\nlast\r");
  pair.first.writer.close();
  std::vector<std::string> lines;
  while (auto line = co_await pair.second.reader.next_line({.keep_newline = false})) lines.push_back(*line);
  EXPECT_EQ(lines, (std::vector<std::string>{"one", "", "", "two", "three\r", "last\r"}));
}

STREAM_TEST(an_operation_keeps_its_connection_until_it_is_awaited) {
  std::optional<StreamPair> pair(make({}));
  pair->second.writer.write("too late");
  co_await settle();
  auto reading = pair->first.reader.read(10);
  auto line = pair->first.reader.next_line();
  auto draining = pair->first.writer.drain();
  auto closing = pair->first.writer.wait_closed();
  auto gone = pair->first.writer.wait_disconnected();
  auto never = pair->first.reader.readuntil("x");
  pair.reset();
  co_await std::move(closing);
  co_await std::move(gone);
  const std::string nothing = co_await std::move(reading);
  EXPECT_EQ(nothing, "");
  const std::optional<std::string> none = co_await std::move(line);
  EXPECT_FALSE(none.has_value());
  const std::error_code code = co_await error_of(std::move(draining));
  EXPECT_EQ(code, std::errc::connection_reset);
}
