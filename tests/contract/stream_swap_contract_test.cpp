// SPDX-License-Identifier: MIT The contract for a connection whose carrier is swapped: whatever is under way, nothing
// is lost and nothing comes twice.
#include "tests/contract/stream_contract.h"

#include <array>
#include <string>
#include <utility>

using namespace asyncio;
using namespace asyncio::testing;

namespace {

constexpr std::size_t much = 6'000'000;  // more than a kernel takes while nobody reads

// Its period is a prime number, so that no piece which somebody could lose or swap leaves it as it was.
std::string pattern(std::size_t size, std::uint32_t state) {
  std::string period(4099, ' ');
  for (char& c : period) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24);
  }
  std::string text;
  text.reserve(size + period.size());
  while (text.size() < size) text += period;
  text.resize(size);
  return text;
}

Coro<> drain(StreamWriter& writer) { co_await writer.drain(); }
Coro<> wait_closed(StreamWriter& writer) { co_await writer.wait_closed(); }
Coro<std::string> read_exactly(StreamReader& reader, std::size_t count) {
  co_return co_await reader.readexactly(count);
}

// Reads what was written in plain text, then swaps, and reads to the end.
Coro<std::string> read_both(Connection& connection, std::size_t plain) {
  std::string text = co_await connection.reader.readexactly(plain);
  encipher(connection.writer);
  text += co_await connection.reader.read();
  co_return text;
}

std::error_code swap_error(StreamWriter& writer) {
  std::error_code code;
  try {
    encipher(writer);
  } catch (const std::system_error& error) {
    code = error.code();
  }
  return code;
}

}  // namespace

STREAM_TEST(a_swap_loses_nothing_in_either_direction) {
  StreamPair pair = make({});
  const std::string one = pattern(much, 1);
  const std::string other = pattern(much, 2);
  // Each end swaps as soon as it has read the other's plain text, and goes on in cipher: by then it may have read more
  // than that, and have plain text to send itself.
  const auto talk = [](Connection& connection, std::string mine) -> Coro<std::string> {
    connection.writer.write(mine);
    std::string got = co_await connection.reader.readexactly(much);
    encipher(connection.writer);
    connection.writer.write(mine.substr(0, 10'000));
    connection.writer.write_eof();
    got += co_await connection.reader.read();
    co_return got;
  };
  auto talking = create_task(talk, std::ref(pair.first), one);
  const std::string got_second = co_await talk(pair.second, other);
  const std::string got_first = co_await talking;
  EXPECT_TRUE(got_second == one + one.substr(0, 10'000));
  EXPECT_TRUE(got_first == other + other.substr(0, 10'000));
}

STREAM_TEST(what_was_written_before_a_swap_goes_as_it_is_and_before_what_comes_after_it) {
  StreamPair pair = make({});
  const std::string before = pattern(much, 1);
  const std::string after = pattern(much, 2);
  pair.first.writer.write(before);
  EXPECT_GT(pair.first.writer.get_write_buffer_size(), 0u);
  encipher(pair.first.writer);
  pair.first.writer.write(after);
  pair.first.writer.write_eof();
  const std::string got = co_await read_both(pair.second, much);
  EXPECT_TRUE(got == before + after);
  EXPECT_EQ(pair.first.writer.get_write_buffer_size(), 0u);
}

STREAM_TEST(what_has_been_read_ahead_is_the_first_input_of_the_new_carrier) {
  StreamPair pair = make({});
  const std::string secret = pattern(20'000, 3);
  pair.first.writer.write("STARTTLS\n");
  encipher(pair.first.writer);
  pair.first.writer.write(secret);
  const std::string line = co_await pair.second.reader.readline();  // and brings some of the rest
  EXPECT_EQ(line, "STARTTLS\n");
  encipher(pair.second.writer);
  const std::string got = co_await pair.second.reader.readexactly(secret.size());
  EXPECT_TRUE(got == secret);
  pair.second.writer.write("answer");
  const std::string answer = co_await pair.first.reader.readexactly(6);
  EXPECT_EQ(answer, "answer");
}

STREAM_TEST(a_swap_while_a_read_waits_gives_the_new_carrier_what_it_has_collected) {
  StreamPair pair = make({});
  const std::string secret = pattern(100, 4);
  encipher(pair.first.writer);
  auto reading = create_task(read_exactly(pair.second.reader, 100));
  pair.first.writer.write(std::string_view(secret).substr(0, 40));
  co_await settle();
  EXPECT_FALSE(reading.done());
  encipher(pair.second.writer);
  pair.first.writer.write(std::string_view(secret).substr(40));
  const std::string got = co_await reading;
  EXPECT_TRUE(got == secret);
}

STREAM_TEST(a_swap_while_a_drain_waits_lets_it_go_on) {
  StreamPair pair = make({});
  const std::string before = pattern(much, 5);
  pair.first.writer.write(before);
  auto draining = create_task(drain(pair.first.writer));
  co_await settle();
  EXPECT_FALSE(draining.done());
  encipher(pair.first.writer);
  pair.first.writer.write("the end");
  pair.first.writer.write_eof();
  const std::string got = co_await read_both(pair.second, much);
  EXPECT_TRUE(got == before + "the end");
  co_await draining;
}

STREAM_TEST(an_end_that_was_met_before_a_swap_is_met_again) {
  StreamPair pair = make({});
  pair.first.writer.write_eof();
  const std::string nothing = co_await pair.second.reader.read();
  EXPECT_EQ(nothing, "");
  EXPECT_TRUE(pair.second.reader.at_eof());
  encipher(pair.second.writer);
  const std::string again = co_await pair.second.reader.read(10);
  EXPECT_EQ(again, "");
  EXPECT_TRUE(pair.second.reader.at_eof());
  pair.second.writer.write("goes on");
  pair.second.writer.close();
  encipher(pair.first.writer);
  const std::string got = co_await pair.first.reader.read();
  EXPECT_EQ(got, "goes on");
}

STREAM_TEST(an_end_that_was_written_before_a_swap_comes_behind_what_was_written) {
  StreamPair pair = make({});
  const std::string before = pattern(much, 6);
  pair.first.writer.write(before);
  pair.first.writer.write_eof();
  encipher(pair.first.writer);
  EXPECT_THROW(pair.first.writer.write("x"), RuntimeError);
  const std::string got = co_await pair.second.reader.read();
  EXPECT_TRUE(got == before);
}

STREAM_TEST(a_close_after_a_swap_sends_everything) {
  StreamPair pair = make({});
  const std::string before = pattern(much, 7);
  pair.first.writer.write(before);
  encipher(pair.first.writer);
  pair.first.writer.write("behind");
  pair.first.writer.close();
  const std::string got = co_await read_both(pair.second, much);
  EXPECT_TRUE(got == before + "behind");
  co_await pair.first.writer.wait_closed();
}

STREAM_TEST(a_swap_in_the_middle_of_a_close_or_after_it_is_refused) {
  StreamPair pair = make({});
  pair.first.writer.write(std::string(much, 'x'));
  pair.first.writer.close();
  EXPECT_EQ(swap_error(pair.first.writer), std::errc::not_connected);
  auto closing = create_task(wait_closed(pair.first.writer));
  const std::string got = co_await pair.second.reader.read();
  EXPECT_EQ(got.size(), much);
  co_await closing;
  EXPECT_EQ(swap_error(pair.first.writer), std::errc::not_connected);
}

STREAM_TEST(a_swap_after_a_loss_is_refused) {
  StreamPair pair = make({});
  pair.second.writer.abort();
  pair.first.writer.abort();
  bool called = false;
  EXPECT_THROW(lowlevel::swap_carrier(pair.first.writer,
                                      [&](lowlevel::Handover old) {
                                        called = true;
                                        return std::move(old.carrier);
                                      }),
               std::system_error);
  EXPECT_FALSE(called);
  co_return;
}

STREAM_TEST(a_swap_that_fails_loses_the_connection_with_its_error) {
  StreamPair pair = make({});
  pair.first.writer.write("sent");
  const auto fail = [](lowlevel::Handover) -> std::unique_ptr<lowlevel::Carrier> { throw ValueError("no cipher"); };
  EXPECT_THROW(lowlevel::swap_carrier(pair.first.writer, fail), ValueError);
  EXPECT_TRUE(pair.first.writer.is_closing());
  const bool told = co_await throws<ValueError>(pair.first.reader.read(1));
  EXPECT_TRUE(told);
  const bool drained = co_await throws<ValueError>(pair.first.writer.drain());
  EXPECT_TRUE(drained);
  const std::string got = co_await pair.second.reader.read();  // to an end
  EXPECT_EQ(got, std::string("sent").substr(0, got.size()));
}

STREAM_TEST(a_carrier_may_be_swapped_for_itself_again_and_again) {
  StreamPair pair = make({});
  std::string sent;
  for (int i = 0; i < 20; ++i) {
    const std::string text = pattern(10'000, static_cast<std::uint32_t>(i));
    pair.first.writer.write(text);
    sent += text;
    lowlevel::swap_carrier(pair.first.writer, [](lowlevel::Handover old) {
      EXPECT_EQ(old.input, "");
      return std::move(old.carrier);
    });
  }
  pair.first.writer.close();
  const std::string got = co_await pair.second.reader.read();
  EXPECT_TRUE(got == sent);
}

STREAM_TEST(a_carrier_of_a_connection_can_be_found) {
  StreamPair pair = make({});
  EXPECT_EQ(lowlevel::find_carrier<Cipher>(pair.first.writer) == nullptr,
            pair.first.writer.get_extra_info("cipher").index() == 0);
  encipher(pair.first.writer);
  EXPECT_NE(lowlevel::find_carrier<Cipher>(pair.first.writer), nullptr);
  EXPECT_EQ(std::get<int>(pair.first.writer.get_extra_info("cipher")), 1);
  co_return;
}

// --- carriers that break

namespace {

// Talks over a pair of which one end breaks at a moment; whatever happens, both ends learn of it, and nothing hangs.
Coro<> talk_until_it_breaks(unsigned seed, Breakage breakage) {
  StreamPair pair = over_breaking_carriers({.limit = 100}, seed, breakage);
  auto echo = create_task(
      [](Connection& connection) -> Coro<> {
        while (auto line = co_await connection.reader.next_line()) {
          connection.writer.write(*line);
          co_await connection.writer.drain();
        }
        connection.writer.close();
      },
      std::ref(pair.second));
  int lines = 0;
  bool broken = false;
  try {
    for (; lines < 50; ++lines) {
      pair.first.writer.write("line " + std::to_string(lines) + '\n');
      co_await pair.first.writer.drain();
      const std::string line = co_await pair.first.reader.readline();
      EXPECT_EQ(line, "line " + std::to_string(lines) + '\n');
    }
    pair.first.writer.close();
    co_await pair.first.writer.wait_closed();
  } catch (const Broken&) {
    broken = true;
  }
  EXPECT_TRUE(broken || lines == 50);
  EXPECT_TRUE(pair.first.writer.is_closing());
  if (broken) {
    const bool again = co_await throws<Broken>(pair.first.reader.read(1));
    EXPECT_TRUE(again);
  }
  try {
    co_await echo;
  } catch (const std::system_error&) {  // it wrote to an end that was gone
  }
}

}  // namespace

ASYNC_TEST(OddCarrierStream, may_break_at_any_moment) {
  for (unsigned seed = 0; seed < 3; ++seed) {
    for (int after = 0; after < 120 && !::testing::Test::HasFailure(); ++after) {
      co_await talk_until_it_breaks(seed, {after, true});
      co_await talk_until_it_breaks(seed, {after, false});
    }
  }
}
