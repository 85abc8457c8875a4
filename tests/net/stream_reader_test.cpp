// SPDX-License-Identifier: MIT
// What reading does with the errors of real sockets, and with loops that go. The rest: tests/contract/.
#include <asyncio/event_loop.h>
#include <asyncio/stream.h>
#include <asyncio/testing.h>

#include "tests/net/sockets.h"

#include <memory>
#include <optional>
#include <string>

using namespace asyncio;
using namespace asyncio::testing;

namespace {

Coro<std::string> read_all(StreamReader& reader) { co_return co_await reader.read(); }
Coro<std::string> read_line(StreamReader& reader) { co_return co_await reader.readline(); }
Coro<> never() { co_await Future<>(); }
Coro<> read_forever(detail::UniqueFd socket) {
  Connection connection = adopt(std::move(socket));
  co_await connection.reader.read();
}

}  // namespace

// BH-RD-14, BH-WR-11
ASYNC_IO_TEST(StreamReader, a_reset_wakes_the_task_that_reads_with_the_error) {
  SocketPair sockets = tcp_sockets();
  Connection connection = adopt(std::move(sockets.first));
  auto reading = create_task(error_of(read_line(connection.reader)));
  co_await settle();
  EXPECT_FALSE(reading.done());
  reset(sockets.second);
  const std::error_code code = co_await reading;
  EXPECT_EQ(code, std::errc::connection_reset);
  EXPECT_TRUE(connection.writer.is_closing());

  const std::error_code again = co_await error_of(connection.reader.read(1));
  EXPECT_EQ(again, std::errc::connection_reset);
  const std::error_code drained = co_await error_of(connection.writer.drain());
  EXPECT_EQ(drained, std::errc::connection_reset);
  const std::error_code closed = co_await error_of(connection.writer.wait_closed());
  EXPECT_EQ(closed, std::errc::connection_reset);
}

// BH-RD-14
ASYNC_IO_TEST(StreamReader, what_came_before_a_reset_is_read_first_and_then_the_error) {
  SocketPair sockets = tcp_sockets();
  Connection connection = adopt(std::move(sockets.first));
  EXPECT_EQ(::send(sockets.second.get(), "abc\n", 4, 0), 4);
  const std::string first = co_await connection.reader.read(1);
  EXPECT_EQ(first, "a");
  reset(sockets.second);
  std::error_code code;
  std::string rest;
  while (!code) {
    try {
      rest += co_await connection.reader.read(100);
    } catch (const std::system_error& error) {
      code = error.code();
    }
  }
  EXPECT_EQ(code, std::errc::connection_reset);
  EXPECT_EQ(rest, std::string("bc\n").substr(0, rest.size()));
}

// BH-RD-01
ASYNC_IO_TEST(StreamReader, a_peer_that_sends_faster_than_it_is_read_is_held_up) {
  SocketPair sockets = tcp_sockets();
  Connection connection = adopt(std::move(sockets.first), 1000);
  const auto send_what_is_taken = [&]() -> Coro<std::size_t> {
    std::size_t sent = 0;
    for (int round = 0; round < 50; ++round) {
      sent += fill(sockets.second);
      co_await settle();
    }
    co_return sent;
  };
  constexpr std::size_t most_of_a_kernel = 30'000'000;  // 50 rounds would send much more
  std::size_t sent = co_await send_what_is_taken();
  EXPECT_GT(sent, 0u);
  EXPECT_LT(sent, most_of_a_kernel);
  const std::string some = co_await connection.reader.readexactly(100);
  EXPECT_EQ(some.size(), 100u);
  sent += co_await send_what_is_taken();
  EXPECT_LT(sent, most_of_a_kernel);

  sockets.second.reset();
  const std::string rest = co_await connection.reader.read();  // and all of it comes
  EXPECT_EQ(rest.size() + 100, sent);
}

ASYNC_IO_TEST(StreamReader, what_a_close_leaves_unread_does_not_reset_the_peer) {
  SocketPair sockets = tcp_sockets();
  {
    Connection connection = adopt(std::move(sockets.first));
    EXPECT_EQ(::send(sockets.second.get(), "request\nand much more", 21, 0), 21);
    const std::string line = co_await connection.reader.readline();
    EXPECT_EQ(line, "request\n");
    EXPECT_EQ(::send(sockets.second.get(), "which nobody reads", 18, 0), 18);
    connection.writer.write("answer");
    connection.writer.close();
    co_await connection.writer.wait_closed();
  }
  Connection peer = adopt(std::move(sockets.second));
  const std::string answer = co_await peer.reader.read();  // to an end that is no error
  EXPECT_EQ(answer, "answer");
}

// A read that waits is the kernel's: a virtual clock stands still for it.
ASYNC_TEST(StreamReader, a_virtual_clock_waits_for_a_peer) {
  SocketPair sockets = tcp_sockets();
  Connection connection = adopt(std::move(sockets.first));
  bool timer_ran = false;
  const TimerHandle timer = get_running_loop().call_later(std::chrono::hours(1), [&] { timer_ran = true; });
  const detail::UniqueFd peer = std::move(sockets.second);
  get_running_loop().call_soon([&] { ::send(peer.get(), "x", 1, 0); });
  const std::string got = co_await connection.reader.read(1);
  EXPECT_EQ(got, "x");
  EXPECT_FALSE(timer_ran);
  timer.cancel();
}

TEST(StreamReader, of_another_loop_is_refused_and_of_a_closed_one_is_at_its_end) {
  std::optional<StreamPair> pair;
  {
    EventLoop first;
    first.run_until_complete([](std::optional<StreamPair>& made) -> Coro<> {
      made = make_stream_pair();
      made->first.writer.write("kept\nrest");
      const std::string line = co_await made->second.reader.readline();
      EXPECT_EQ(line, "kept\n");
    }(pair));
    EventLoop second;
    const bool refused = second.run_until_complete(throws<RuntimeError>(pair->second.reader.readexactly(100)));
    EXPECT_TRUE(refused);
  }
  EventLoop third;
  third.run_until_complete([](StreamPair& old) -> Coro<> {
    for (int i = 0; i < 300; ++i) {
      const std::string rest = co_await old.second.reader.read(100);
      EXPECT_EQ(rest, i == 0 ? "rest" : "");
    }
    EXPECT_TRUE(old.first.writer.is_closing());
    old.first.writer.write("dropped");
    const std::error_code code = co_await error_of(old.first.writer.drain());
    EXPECT_EQ(code, std::errc::connection_reset);
    co_await old.first.writer.wait_closed();
    EXPECT_EQ(old.first.writer.get_extra_info("socket").index(), 0u);
  }(*pair));
}

TEST(StreamReader, of_a_closed_loop_is_at_its_end_also_for_a_task_that_waited) {
  std::optional<Connection> connection;
  SocketPair sockets = tcp_sockets();
  {
    EventLoop loop;
    loop.set_exception_handler([](EventLoop&, const ExceptionContext&) {});  // of tasks that are pending
    Task<std::string> reading;
    loop.run_until_complete([](detail::UniqueFd socket, std::optional<Connection>& made,
                               Task<std::string>& task) -> Coro<> {
      made = adopt(std::move(socket));
      task = create_task(read_all(made->reader));
      made->writer.write(std::string(20'000'000, 'x'));
      auto draining =
          create_task([](StreamWriter& writer) -> Coro<> { co_await writer.drain(); }, std::ref(made->writer));
      auto closing =
          create_task([](StreamWriter& writer) -> Coro<> { co_await writer.wait_closed(); }, std::ref(made->writer));
      co_await settle();
    }(std::move(sockets.first), connection, reading));
    EXPECT_FALSE(reading.done());
    loop.close();
    EXPECT_TRUE(reading.cancelled());
  }
  EXPECT_TRUE(connection->writer.is_closing());
  EXPECT_EQ(connection->writer.get_write_buffer_size(), 0u);
  connection.reset();
}

// A task keeps the connection that it reads from, whoever else lets go of it.
ASYNC_IO_TEST(StreamReader, a_connection_may_go_while_it_is_read_from) {
  SocketPair sockets = tcp_sockets();
  auto connection = std::make_unique<Connection>(adopt(std::move(sockets.first)));
  auto reading = create_task(read_line(connection->reader));
  co_await settle();
  connection.reset();
  const std::string nothing = co_await reading;
  EXPECT_EQ(nothing, "");
  EXPECT_EQ(drain_socket(sockets.second), "");
}

ASYNC_IO_TEST(StreamReader, a_task_that_is_cancelled_while_it_reads_leaves_nothing_behind) {
  SocketPair sockets = tcp_sockets();
  auto reading = create_task(read_forever(std::move(sockets.first)));
  auto other = create_task(never());
  co_await settle();
  reading.cancel();
  other.cancel();
  co_await settle();
  EXPECT_TRUE(reading.cancelled());
  char byte = 0;
  EXPECT_EQ(::recv(sockets.second.get(), &byte, 1, 0), 0);  // it was closed
}
