// SPDX-License-Identifier: MIT
// What writing does with the errors of real sockets, and what is known of them. The rest: tests/contract/.
#include <asyncio/outcome.h>
#include <asyncio/server.h>
#include <asyncio/stream.h>
#include <asyncio/testing.h>

#include "tests/net/sockets.h"

#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <variant>
#include <vector>

using namespace asyncio;
using namespace asyncio::testing;

namespace {

constexpr std::size_t much = 16'000'000;

Coro<> drain(StreamWriter& writer) { co_await writer.drain(); }
Coro<> wait_closed(StreamWriter& writer) { co_await writer.wait_closed(); }

// Lets the kernel tell what happened to a socket.
Coro<> until_lost(StreamWriter& writer) {
  while (!writer.is_closing()) {
    writer.write("x");
    co_await sleep(std::chrono::nanoseconds(0));
  }
}

}  // namespace

// BH-WR-02, BH-WR-11
ASYNC_IO_TEST(StreamWriter, a_reset_while_writing_is_told_by_the_next_drain) {
  SocketPair sockets = tcp_sockets();
  Connection connection = adopt(std::move(sockets.first));
  reset(sockets.second);
  co_await until_lost(connection.writer);  // write() itself never throws it
  connection.writer.write("dropped");
  EXPECT_EQ(connection.writer.get_write_buffer_size(), 0u);
  const std::error_code code = co_await error_of(connection.writer.drain());
  EXPECT_TRUE(is_connection_lost(code)) << code.message();
  const std::error_code read = co_await error_of(connection.reader.read(1));
  EXPECT_EQ(read, code);
}

// BH-WR-03
ASYNC_IO_TEST(StreamWriter, a_reset_wakes_the_tasks_that_drain_with_the_error) {
  SocketPair sockets = tcp_sockets();
  Connection connection = adopt(std::move(sockets.first));
  connection.writer.write(std::string(much, 'x'));
  auto one = create_task(error_of(drain(connection.writer)));
  auto two = create_task(error_of(drain(connection.writer)));
  auto closed = create_task(error_of(wait_closed(connection.writer)));
  co_await settle();
  EXPECT_FALSE(one.done());
  reset(sockets.second);
  const std::error_code first = co_await one;
  EXPECT_TRUE(is_connection_lost(first)) << first.message();
  const std::error_code second = co_await two;
  EXPECT_EQ(second, first);
  const std::error_code third = co_await closed;
  EXPECT_EQ(third, first);
}

// A peer that never reads: drain() waits, a cancel ends only the wait, abort() drops what is kept.
ASYNC_IO_TEST(StreamWriter, a_peer_that_never_reads_holds_a_drain_up_until_an_abort) {
  SocketPair sockets = tcp_sockets();
  Connection connection = adopt(std::move(sockets.first));
  connection.writer.write(std::string(much, 'x'));
  const std::size_t kept = connection.writer.get_write_buffer_size();
  EXPECT_GT(kept, 0u);
  auto first = create_task(drain(connection.writer));
  auto second = create_task(error_of(drain(connection.writer)));
  co_await settle();
  first.cancel();
  co_await settle();
  EXPECT_TRUE(first.cancelled());
  EXPECT_FALSE(second.done());
  connection.writer.abort();
  EXPECT_EQ(connection.writer.get_write_buffer_size(), 0u);
  const std::error_code code = co_await second;
  EXPECT_EQ(code, std::errc::connection_reset);
  EXPECT_LE(drain_socket(sockets.second).size(), much - kept + (1u << 20));
}

// BH-WR-01: much more than the kernel takes, to a reader that takes its time.
ASYNC_IO_TEST(StreamWriter, sends_64_mebibytes_to_a_slow_reader) {
  constexpr std::size_t size = std::size_t{64} << 20;
  SocketPair sockets = tcp_sockets();
  Connection sender = adopt(std::move(sockets.first));
  Connection receiver = adopt(std::move(sockets.second));
  sender.writer.write(std::string(size, 'x'));
  auto drained = create_task(drain(sender.writer));
  std::size_t received = 0;
  while (received < size) {
    const std::string part = co_await receiver.reader.read(1 << 20);
    received += part.size();
    if (part.empty()) break;
  }
  EXPECT_EQ(received, size);
  co_await drained;
  EXPECT_EQ(sender.writer.get_write_buffer_size(), 0u);
}

// BH-WR-05
ASYNC_IO_TEST(StreamWriter, knows_its_socket_and_both_addresses) {
  SocketPair sockets = tcp_sockets();
  const int fd = sockets.first.get();
  const std::uint16_t port = port_of(sockets.first);
  const std::uint16_t peer_port = port_of(sockets.second);
  Connection connection = adopt(std::move(sockets.first));
  EXPECT_EQ(connection.writer.sockname(), Address("127.0.0.1", port));
  EXPECT_EQ(connection.writer.peername(), Address("127.0.0.1", peer_port));
  EXPECT_EQ(std::get<int>(connection.writer.get_extra_info("socket")), fd);
  EXPECT_EQ(std::get<Address>(connection.writer.get_extra_info("peername")).port(), peer_port);
  EXPECT_EQ(connection.writer.get_extra_info("cipher").index(), 0u);

  connection.writer.close();
  EXPECT_EQ(connection.writer.get_extra_info("socket").index(), 0u);
  EXPECT_EQ(connection.writer.get_extra_info("peername").index(), 0u);
  EXPECT_THROW(connection.writer.peername(), std::system_error);
  EXPECT_THROW(connection.writer.sockname(), std::system_error);
  co_return;
}

ASYNC_IO_TEST(StreamWriter, knows_its_peer_also_when_both_directions_have_ended) {
  SocketPair sockets = tcp_sockets();
  const std::uint16_t peer_port = port_of(sockets.second);
  Connection connection = adopt(std::move(sockets.first));
  connection.writer.write_eof();
  EXPECT_EQ(drain_socket(sockets.second), "");
  sockets.second.reset();
  EXPECT_EQ(co_await connection.reader.read(), "");
  EXPECT_EQ(connection.writer.peername(), Address("127.0.0.1", peer_port));
}

ASYNC_IO_TEST(StreamWriter, a_connection_that_is_lost_names_its_peer_in_the_error) {
  SocketPair sockets = tcp_sockets();
  const std::string peer = to_string(Address("127.0.0.1", port_of(sockets.second)));
  Connection connection = adopt(std::move(sockets.first));
  reset(sockets.second);
  const auto got = co_await as_result(connection.reader.read(1));
  EXPECT_EQ(got.what(), "read from " + peer + ": Connection reset by peer");
  EXPECT_EQ(connection.writer.get_extra_info("peername").index(), 0u);  // it has gone with the socket
}

ASYNC_IO_TEST(StreamWriter, a_write_that_fails_names_its_peer_in_the_error) {
  SocketPair sockets = tcp_sockets();
  const std::string peer = to_string(Address("127.0.0.1", port_of(sockets.second)));
  Connection connection = adopt(std::move(sockets.first));
  reset(sockets.second);
  connection.writer.write("x");
  const auto drained = co_await as_result(connection.writer.drain());
  EXPECT_TRUE(is_connection_lost(drained.error()));
  EXPECT_EQ(drained.what().rfind("write to " + peer + ": ", 0), 0u) << drained.what();
}

// A Unix socket has no name as a rule: there is nobody to be named.
ASYNC_IO_TEST(StreamWriter, a_peer_without_a_name_is_not_named_in_the_error) {
  SocketPair sockets = unix_sockets();
  Connection connection = adopt(std::move(sockets.first));
  connection.writer.write("unread");
  sockets.second.reset();
  const auto got = co_await as_result(connection.reader.read(1));
  EXPECT_EQ(got.what(), "read: Connection reset by peer");
}

ASYNC_IO_TEST(StreamWriter, a_reset_wakes_all_who_wait_in_drain) {
  SocketPair sockets = tcp_sockets();
  Connection connection = adopt(std::move(sockets.first));
  connection.writer.write(std::string(much, 'x'));
  auto first = create_task(drain(connection.writer));
  auto second = create_task(drain(connection.writer));
  co_await settle();
  EXPECT_FALSE(first.done() || second.done());
  reset(sockets.second);
  EXPECT_TRUE(is_connection_lost(co_await error_of(first)));
  EXPECT_TRUE(is_connection_lost(co_await error_of(second)));
}

// A wait for the kernel: a virtual clock stands still.
ASYNC_TEST(StreamWriter, a_virtual_clock_waits_for_a_slow_peer) {
  SocketPair sockets = tcp_sockets();
  Connection connection = adopt(std::move(sockets.first));
  connection.writer.set_write_buffer_limits(0);
  connection.writer.write(std::string(much, 'x'));
  bool timer_ran = false;
  const TimerHandle timer = get_running_loop().call_later(std::chrono::hours(1), [&] { timer_ran = true; });
  Connection peer = adopt(std::move(sockets.second));
  auto reading = create_task([](StreamReader& reader) -> Coro<> { (void)co_await reader.readexactly(much); },
                             std::ref(peer.reader));
  co_await connection.writer.drain();
  EXPECT_FALSE(timer_ran);
  timer.cancel();
  co_await reading;
}

ASYNC_TEST(StreamWriter, that_was_moved_from_and_its_reader_throw_a_runtime_error_whatever_is_asked_of_them) {
  Connection gone;
  Connection from = std::move(make_stream_pair().first);
  const Connection to = std::move(from);
  for (Connection* empty : {&gone, &from}) {
    StreamReader& reader = empty->reader;
    StreamWriter& writer = empty->writer;
    std::array<std::byte, 1> room;
    EXPECT_THROW((void)reader.read(), RuntimeError);
    EXPECT_THROW((void)reader.read(1), RuntimeError);
    EXPECT_THROW((void)reader.read_into(room), RuntimeError);
    EXPECT_THROW((void)reader.readexactly(1), RuntimeError);
    EXPECT_THROW((void)reader.readline(), RuntimeError);
    EXPECT_THROW((void)reader.next_line(), RuntimeError);
    EXPECT_THROW((void)reader.readuntil("x"), RuntimeError);
    EXPECT_THROW(reader.at_eof(), RuntimeError);
    EXPECT_THROW(reader.limit(), RuntimeError);
    EXPECT_THROW(writer.write("x"), RuntimeError);
    EXPECT_THROW(writer.write(std::as_bytes(std::span("x"))), RuntimeError);
    EXPECT_THROW(writer.writelines(std::vector<std::string>{"x"}), RuntimeError);
    EXPECT_THROW((void)writer.drain(), RuntimeError);
    EXPECT_THROW(writer.write_eof(), RuntimeError);
    EXPECT_THROW(writer.can_write_eof(), RuntimeError);
    EXPECT_THROW(writer.close(), RuntimeError);
    EXPECT_THROW(writer.is_closing(), RuntimeError);
    EXPECT_THROW((void)writer.wait_closed(), RuntimeError);
    EXPECT_THROW(writer.abort(), RuntimeError);
    EXPECT_THROW(writer.get_extra_info("socket"), RuntimeError);
    EXPECT_THROW(writer.peername(), RuntimeError);
    EXPECT_THROW(writer.sockname(), RuntimeError);
    EXPECT_THROW(writer.get_write_buffer_size(), RuntimeError);
    EXPECT_THROW(writer.set_write_buffer_limits(1), RuntimeError);
  }
  EXPECT_FALSE(to.writer.is_closing());
  co_return;
}

// --- a writer that nobody closes

namespace {

Coro<> forget_to_close(std::uint16_t port) {
  Connection connection = co_await open_connection("127.0.0.1", port);
  connection.writer.write("x");
}

Coro<> forget_too(StreamReader reader, StreamWriter) { (void)co_await reader.read(1); }

}  // namespace

// BH-WR-07
ASYNC_IO_TEST(StreamWriter, that_nobody_closes_is_told_of_once_for_each_place_with_its_peer) {
  Server server = co_await start_server(forget_too, "127.0.0.1", 0);
  get_running_loop().set_debug(true);
  for (int i = 0; i < 3; ++i) co_await forget_to_close(server.port());
  server.close();
  co_await server.wait_closed();
  get_running_loop().set_debug(false);
  std::vector<std::string> reports = take_reports();
  std::sort(reports.begin(), reports.end());
  EXPECT_EQ(reports.size(), 2u);
  const std::string peer = "the peer is ('127.0.0.1', ";
  for (const std::string& report : reports) EXPECT_NE(report.find(peer), std::string::npos) << report;
  const std::string& client = reports.at(reports.at(0).find("forget_to_close") == std::string::npos ? 1 : 0);
  EXPECT_NE(client.find("of forget_to_close ("), std::string::npos) << client;
  const std::string& served = reports.at(&client == &reports.at(0) ? 1 : 0);
  EXPECT_NE(served.find("of forget_too ("), std::string::npos) << served;
}
