// SPDX-License-Identifier: MIT
// The contract for cancelled reads: whenever the cancel comes, no byte is lost, and none comes twice.
#include "tests/contract/stream_contract.h"

#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <variant>

using namespace asyncio;
using namespace asyncio::testing;

namespace {

constexpr std::size_t limit = 24;

// What the peer sends, and how far the reader must have come in it.
struct Model {
  std::string text;
  std::size_t at = 0;

  std::string_view rest() const { return std::string_view(text).substr(at); }

  // The reader took `data`.
  void take(std::string_view data) {
    EXPECT_EQ(rest().substr(0, data.size()), data);
    at += data.size();
  }
};

std::string random_text(std::mt19937& random, std::size_t size) {
  std::string text;
  // Few letters, so that separators come complete, half and doubled.
  while (text.size() < size) text += "aaaabbbbccccdddd\r\n\r\n-"[random() % 21];
  return text;
}

// Sends the text in pieces of random sizes, with random pauses, then the end.
Coro<> send(StreamWriter& writer, std::string_view text, unsigned seed) {
  std::mt19937 random(seed);
  while (!text.empty()) {
    const std::size_t size = std::min<std::size_t>(text.size(), 1 + random() % 12);
    writer.write(text.substr(0, size));
    text.remove_prefix(size);
    for (unsigned pauses = random() % 4; pauses > 0; --pauses) co_await sleep(std::chrono::nanoseconds(0));
  }
  writer.write_eof();
}

Coro<std::string> read_into(StreamReader& reader, std::size_t size) {
  std::array<std::byte, 16> room;
  const std::size_t count = co_await reader.read_into(std::span(room).first(size));
  co_return std::string(reinterpret_cast<const char*>(room.data()), count);
}
template <class A>
Coro<std::string> take(A operation) {
  co_return co_await std::move(operation);
}

struct Kind {
  unsigned number;
  std::size_t size;

  Task<std::string> start(StreamReader& reader) const {
    switch (number) {
      case 0:
        return create_task(take(reader.read(size)));
      case 1:
        return create_task(take(reader.readexactly(size)));
      case 2:
        return create_task(take(reader.readline()));
      case 3:
        return create_task(take(reader.readuntil("\r\n")));
      case 4:
        return create_task(take(reader.readuntil("\r\n", "--", "ab")));
      default:
        return create_task(read_into(reader, size));
    }
  }

  // Where the text of the model ends for this read; npos: not before the end of the stream.
  std::size_t end_in(std::string_view rest) const {
    std::size_t end = std::string_view::npos;
    const auto consider = [&](std::string_view separator) {
      const std::size_t found = rest.find(separator);
      if (found != rest.npos) end = std::min(end, found + separator.size());
    };
    if (number == 1 && size <= rest.size()) end = size;
    if (number == 2) consider("\n");
    if (number == 3 || number == 4) consider("\r\n");
    if (number == 4) consider("--"), consider("ab");
    return end;
  }
};

void check_result(const Kind& kind, const std::string& data, Model& model) {
  const std::string_view rest = model.rest();
  if (kind.number == 0 || kind.number == 5) {
    EXPECT_LE(data.size(), kind.size);
    EXPECT_EQ(data.empty(), rest.empty());
  } else {
    const std::size_t end = kind.end_in(rest);
    if (kind.number != 2) {
      EXPECT_NE(end, rest.npos);
    }
    EXPECT_EQ(data, rest.substr(0, end));
  }
  model.take(data);
}

// Reads once, and cancels it after `patience` turns of the loop.
Coro<> read_once(StreamReader& reader, Model& model, Kind kind, unsigned patience, int& cancelled) {
  auto reading = kind.start(reader);
  for (unsigned turn = 0; turn < patience && !reading.done(); ++turn) co_await sleep(std::chrono::nanoseconds(0));
  reading.cancel();
  std::size_t to_skip = 0;
  try {
    const std::string data = co_await reading;
    check_result(kind, data, model);
  } catch (const CancelledError&) {
    ++cancelled;
  } catch (const IncompleteReadError& error) {
    EXPECT_EQ(error.partial(), model.rest());
    EXPECT_EQ(kind.end_in(model.rest()), std::string_view::npos);
    model.take(error.partial());
  } catch (const LimitOverrunError& error) {
    EXPECT_GT(error.consumed(), limit);
    if (kind.number == 2) {
      model.at += error.consumed();  // what was dropped
    } else {
      to_skip = error.consumed();
    }
  }
  if (to_skip > 0) {
    const std::string skipped = co_await reader.readexactly(to_skip);
    model.take(skipped);
  }
}

Coro<> read_and_cancel(StreamPair pair, unsigned seed) {
  std::mt19937 random(seed);
  Model model{random_text(random, 1500)};
  auto sending = create_task(send(pair.first.writer, model.text, seed));
  int cancelled = 0;
  while (!pair.second.reader.at_eof() && !::testing::Test::HasFailure()) {
    const Kind kind{static_cast<unsigned>(random() % 6), 1 + random() % 16};
    co_await read_once(pair.second.reader, model, kind, random() % 5, cancelled);
  }
  EXPECT_EQ(model.at, model.text.size()) << "seed " << seed;
  EXPECT_GT(cancelled, 0);
  co_await sending;
}

}  // namespace

// BH-RD-15
STREAM_TEST(no_byte_is_lost_wherever_a_read_is_cancelled) {
  for (unsigned seed = 0; seed < 60 && !::testing::Test::HasFailure(); ++seed) {
    StreamPair pair = make({.limit = limit});
    co_await read_and_cancel(std::move(pair), seed);
  }
}

// BH-RD-15: each number of turns between the start of a read, the coming of its data, and the cancel.
STREAM_TEST(a_cancel_at_each_step_of_a_read_loses_nothing) {
  for (unsigned number = 0; number < 6; ++number) {
    for (unsigned before = 0; before < 6; ++before) {
      for (unsigned after = 0; after < 6; ++after) {
        StreamPair pair = make({.limit = 1000});
        Model model{"ab\r\ncd\r\n0123456789"};
        const Kind kind{number, 4};
        pair.first.writer.write("ab");
        auto reading = kind.start(pair.second.reader);
        for (unsigned i = 0; i < before; ++i) co_await sleep(std::chrono::nanoseconds(0));
        pair.first.writer.write(model.text.substr(2));
        pair.first.writer.write_eof();
        for (unsigned i = 0; i < after; ++i) co_await sleep(std::chrono::nanoseconds(0));
        reading.cancel();
        try {
          const std::string data = co_await reading;
          check_result(kind, data, model);
        } catch (const CancelledError&) {
        }
        const std::string rest = co_await pair.second.reader.read();
        EXPECT_EQ(rest, model.rest()) << "kind " << number << ", " << before << " turns before, " << after << " after";
      }
    }
  }
}

// BH-RD-15
STREAM_TEST(a_cancelled_read_to_the_end_gives_back_what_it_had) {
  StreamPair pair = make({});
  auto reading = create_task(take(pair.second.reader.read()));
  pair.first.writer.write(std::string(10'000, 'a'));
  co_await settle();
  pair.first.writer.write(std::string(10'000, 'b'));
  co_await settle();
  reading.cancel();
  co_await settle();
  EXPECT_TRUE(reading.cancelled());
  pair.first.writer.write("c\n");
  const std::string line = co_await pair.second.reader.readline();
  EXPECT_EQ(line, std::string(10'000, 'a') + std::string(10'000, 'b') + "c\n");
}
