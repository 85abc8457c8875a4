// SPDX-License-Identifier: MIT
#include <asyncio/binary.h>

#include <asyncio/asyncio.h>
#include <asyncio/testing.h>

#include <cmath>
#include <limits>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

enum class Flag : bool { off, on };
static_assert(!BinaryNumber<bool> && !BinaryNumber<Flag>);  // of which a byte of 7 would be neither value

enum class Opcode : std::uint16_t { ping = 0x0102 };

// What `write` puts on a stream.
template <class F>
Coro<std::string> written(F write) {
  StreamPair pair = make_stream_pair();
  write(pair.first.writer);
  pair.first.writer.close();
  co_return co_await pair.second.reader.read();
}

ASYNC_TEST(Binary, the_order_of_the_bytes_is_the_one_that_was_asked_for) {
  EXPECT_EQ(co_await written([](StreamWriter& to) { write_be(to, std::uint32_t{0x01020304}); }), "\1\2\3\4");
  EXPECT_EQ(co_await written([](StreamWriter& to) { write_le(to, std::uint32_t{0x01020304}); }), "\4\3\2\1");
  EXPECT_EQ(co_await written([](StreamWriter& to) { write_be<std::uint16_t>(to, 80); }), "\0\x50"s);
  EXPECT_EQ(co_await written([](StreamWriter& to) { write_be(to, std::int16_t{-2}); }), "\xff\xfe");
  EXPECT_EQ(co_await written([](StreamWriter& to) { write_be(to, 'x'); }), "x");
  EXPECT_EQ(co_await written([](StreamWriter& to) { write_le(to, Opcode::ping); }), "\2\1");
  EXPECT_EQ(co_await written([](StreamWriter& to) { write_be(to, 1.0F); }), "\x3f\x80\0\0"s);
  EXPECT_EQ(co_await written([](StreamWriter& to) { write_le(to, -2.0); }), "\0\0\0\0\0\0\0\xc0"s);
}

// Whether each of these values comes back as it was, in both orders.
template <class T>
Coro<> expect_round_trip(std::initializer_list<T> list) {
  const std::vector<T> values(list);
  StreamPair pair = make_stream_pair();
  for (T value : values) {
    write_be(pair.first.writer, value);
    write_le(pair.first.writer, value);
  }
  for (T value : values) {
    EXPECT_EQ(co_await read_be<T>(pair.second.reader), value);
    EXPECT_EQ(co_await read_le<T>(pair.second.reader), value);
  }
  pair.first.writer.close();
  pair.second.writer.close();
}

ASYNC_TEST(Binary, what_was_written_is_read) {
  co_await expect_round_trip<std::uint8_t>({0, 1, 255});
  co_await expect_round_trip<std::int8_t>({0, -1, 127, -128});
  co_await expect_round_trip<std::uint16_t>({0, 258, 65535});
  co_await expect_round_trip<std::int32_t>({0, -1, 1 << 30, std::numeric_limits<std::int32_t>::min()});
  co_await expect_round_trip<std::uint64_t>({0, 0x0102030405060708, ~std::uint64_t{0}});
  co_await expect_round_trip<std::int64_t>({-1, std::numeric_limits<std::int64_t>::min()});
  co_await expect_round_trip<char>({'\0', 'a', '\xff'});
  co_await expect_round_trip<Opcode>({Opcode::ping});
  co_await expect_round_trip<float>({0.0F, -1.5F, std::numeric_limits<float>::infinity()});
  co_await expect_round_trip<double>({0.1, std::numeric_limits<double>::denorm_min()});
}

ASYNC_TEST(Binary, a_number_may_come_in_pieces) {
  StreamPair pair = make_stream_pair();
  auto number = create_task(read_be<std::uint32_t>(pair.second.reader));
  for (const char byte : "\1\2\3\4"s) {
    co_await settle();
    EXPECT_FALSE(number.done());
    pair.first.writer.write(std::string_view(&byte, 1));
  }
  EXPECT_EQ(co_await number, 0x01020304U);
  pair.first.writer.close();
  pair.second.writer.close();
}

ASYNC_TEST(Binary, a_cancelled_read_has_taken_nothing) {
  StreamPair pair = make_stream_pair();
  pair.first.writer.write("\1\2\3");
  bool late = false;
  try {
    co_await wait_for(read_be<std::uint32_t>(pair.second.reader), 1s);
  } catch (const TimeoutError&) {
    late = true;
  }
  EXPECT_TRUE(late);
  EXPECT_EQ(co_await read_be<std::uint16_t>(pair.second.reader), 0x0102);
  EXPECT_EQ(co_await read_be<std::uint8_t>(pair.second.reader), 3);
  pair.first.writer.close();
  pair.second.writer.close();
}

ASYNC_TEST(Binary, messages_end_with_the_stream_between_two_of_them) {
  StreamPair pair = make_stream_pair();
  for (std::string_view text : {"one", "", "three"}) {
    write_le<std::uint16_t>(pair.first.writer, static_cast<std::uint16_t>(text.size()));
    pair.first.writer.write(text);
  }
  pair.first.writer.close();
  std::string log;
  while (auto size = co_await next_le<std::uint16_t>(pair.second.reader))
    log += co_await pair.second.reader.readexactly(*size) + ';';
  EXPECT_EQ(log, "one;;three;");
  EXPECT_FALSE(co_await next_be<char>(pair.second.reader));
  pair.second.writer.close();
}

ASYNC_TEST(Binary, the_end_of_the_stream_within_a_number_is_an_error_with_what_came) {
  for (const bool next : {false, true}) {
    StreamPair pair = make_stream_pair();
    pair.first.writer.write("\1\2\3");
    pair.first.writer.close();
    std::string partial;
    try {
      if (next) {
        co_await next_be<std::uint32_t>(pair.second.reader);
      } else {
        co_await read_be<std::uint32_t>(pair.second.reader);
      }
    } catch (const IncompleteReadError& error) {
      partial = error.partial();
    }
    EXPECT_EQ(partial, "\1\2\3");
    pair.second.writer.close();
  }
}

ASYNC_TEST(Binary, the_end_of_the_stream_is_seen_by_a_read_that_waits_for_it_too) {
  StreamPair pair = make_stream_pair();
  auto number = create_task(next_le<std::uint64_t>(pair.second.reader));
  co_await settle();
  pair.first.writer.close();
  EXPECT_EQ(co_await number, std::nullopt);
  EXPECT_EQ(co_await next_le<std::uint64_t>(pair.second.reader), std::nullopt);
  pair.second.writer.close();
}

}  // namespace
