// SPDX-License-Identifier: MIT
// How connections end: how long a close may take, and how the end of a peer is noticed that nobody reads from.
#include <asyncio/lowlevel/transport.h>
#include <asyncio/server.h>
#include <asyncio/testing.h>

#include "tests/net/sockets.h"

#include <sys/ioctl.h>

#include <memory>
#include <string>
#include <utility>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t much = 16'000'000;

Coro<> wait_closed(StreamWriter& writer) { co_await writer.wait_closed(); }
Coro<> wait_disconnected(StreamWriter& writer) { co_await writer.wait_disconnected(); }
Coro<> drain(StreamWriter& writer) { co_await writer.drain(); }

bool is_open(const StreamWriter& writer) { return writer.get_extra_info("socket").index() != 0; }

std::size_t unread(const StreamWriter& writer) {
  int count = 0;
  ::ioctl(std::get<int>(writer.get_extra_info("socket")), FIONREAD, &count);
  return static_cast<std::size_t>(count);
}

// A carrier that takes everything and never says that it has closed.
class Undying final : public lowlevel::Carrier {
 public:
  explicit Undying(std::shared_ptr<bool> gone) : gone_(std::move(gone)) {}
  ~Undying() override { *gone_ = true; }
  lowlevel::CarriedIn carry_in(std::span<std::byte>) override { return {0, lowlevel::Rest::empty}; }
  std::size_t carry_out(lowlevel::Pieces pieces) override { return pieces.front().size(); }
  void carry_eof() override {}
  bool carry_close() override { return false; }
  void let_go() noexcept override {}
  bool waits_for_kernel() const override { return false; }

 private:
  std::shared_ptr<bool> gone_;  // which may outlive the test
};

}  // namespace

ASYNC_TEST(StreamWriter, a_peer_that_never_reads_holds_a_close_for_thirty_seconds) {
  StreamPair pair = make_stream_pair(10);
  StreamWriter& writer = pair.first.writer;
  writer.set_write_buffer_limits(20);
  writer.write(std::string(100, 'x'));
  auto draining = create_task(drain(writer));
  const TimePoint begin = get_running_loop().time();
  writer.close();
  auto closing = create_task(wait_closed(writer));
  co_await sleep(30s - 1ms);
  EXPECT_FALSE(closing.done());
  EXPECT_EQ(writer.get_write_buffer_size(), 90u);
  const bool late = co_await throws<TimeoutError>(closing);
  EXPECT_TRUE(late);
  EXPECT_EQ(get_running_loop().time() - begin, 30s);
  EXPECT_EQ(writer.get_write_buffer_size(), 0u);
  const bool drained = co_await throws<TimeoutError>(draining);
  EXPECT_TRUE(drained);
  const bool read = co_await throws<TimeoutError>(pair.first.reader.read(1));
  EXPECT_TRUE(read);
  const std::string got = co_await pair.second.reader.read();
  EXPECT_EQ(got, std::string(10, 'x'));  // what had been sent; the rest is dropped
}

ASYNC_TEST(StreamWriter, a_close_that_comes_to_its_end_in_time_leaves_no_timer) {
  StreamPair pair = make_stream_pair(10, {.close_timeout = 2s});
  pair.first.writer.write(std::string(100, 'x'));
  pair.first.writer.close();
  co_await sleep(1s);
  const std::string got = co_await pair.second.reader.read();
  EXPECT_EQ(got.size(), 100u);
  co_await pair.first.writer.wait_closed();
  const TimePoint before = get_running_loop().time();
  co_await settle();
  EXPECT_EQ(get_running_loop().time(), before);
}

ASYNC_TEST(StreamWriter, a_writer_that_is_destroyed_closes_within_the_time_limit_too) {
  const auto gone = std::make_shared<bool>(false);
  {
    Connection connection = lowlevel::make_connection(std::make_unique<Undying>(gone), {.close_timeout = 1h});
    connection.writer.write("taken");
  }
  co_await sleep(1h - 1ms);
  EXPECT_FALSE(*gone);
  co_await sleep(1ms);
  co_await settle();
  EXPECT_TRUE(*gone);
}

ASYNC_TEST(StreamWriter, a_carrier_that_never_closes_is_let_go_in_time) {
  const auto gone = std::make_shared<bool>(false);
  Connection connection = lowlevel::make_connection(std::make_unique<Undying>(gone));
  connection.writer.close();
  const bool late = co_await throws<TimeoutError>(connection.writer.wait_closed());
  EXPECT_TRUE(late);
}

ASYNC_TEST(StreamWriter, a_close_may_take_for_ever_or_no_time) {
  StreamPair patient = make_stream_pair(10, {.close_timeout = std::nullopt});
  patient.first.writer.write(std::string(100, 'x'));
  patient.first.writer.close();
  co_await sleep(1'000'000h);
  EXPECT_EQ(patient.first.writer.get_write_buffer_size(), 90u);
  patient.first.writer.abort();

  StreamPair hasty = make_stream_pair(10, {.close_timeout = 0s});
  hasty.first.writer.write("short");  // and taken
  hasty.first.writer.close();
  co_await hasty.first.writer.wait_closed();
  hasty.second.writer.write(std::string(100, 'x'));
  hasty.second.writer.close();
  const bool late = co_await throws<std::system_error>(hasty.second.writer.wait_closed());
  EXPECT_TRUE(late);

  StreamPair blocked = make_stream_pair(10, {.close_timeout = 0s});
  blocked.first.writer.write(std::string(100, 'x'));
  blocked.first.writer.close();
  const bool at_once = co_await throws<TimeoutError>(blocked.first.writer.wait_closed());
  EXPECT_TRUE(at_once);
}

TEST(StreamWriter, a_loop_may_be_closed_in_the_middle_of_a_close) {
  const auto gone = std::make_shared<bool>(false);
  {
    EventLoop loop;
    loop.run_until_complete([](std::shared_ptr<bool> destroyed) -> Coro<> {
      StreamPair pair = make_stream_pair(10);
      pair.first.writer.write(std::string(100, 'x'));
      pair.first.writer.close();
      Connection connection = lowlevel::make_connection(std::make_unique<Undying>(std::move(destroyed)));
      co_return;
    }(gone));
    EXPECT_FALSE(*gone);  // it is held for the close
  }
  EXPECT_TRUE(*gone);
}

ASYNC_TEST(StreamWriter, a_descriptor_is_given_back_in_time_though_the_peer_never_reads) {
  SocketPair sockets = tcp_sockets();
  Connection connection = adopt(std::move(sockets.first), 64 * 1024, 5s);
  connection.writer.write(std::string(much, 'x'));
  connection.writer.close();
  co_await sleep(5s - 1ms);
  EXPECT_TRUE(is_open(connection.writer));
  co_await sleep(1ms);
  co_await settle();
  EXPECT_FALSE(is_open(connection.writer));
}

ASYNC_TEST(Server, has_a_time_limit_for_the_close_of_its_connections) {
  Connection* served = nullptr;
  const auto keep = [&served](StreamReader reader, StreamWriter writer) -> Coro<> {
    Connection connection{std::move(reader), std::move(writer)};
    served = &connection;
    connection.writer.write(std::string(much, 'x'));
    connection.writer.close();
    co_await sleep(10s);
    EXPECT_FALSE(is_open(connection.writer));
    served = nullptr;
  };
  Server server = co_await start_server(keep, "127.0.0.1", 0, {.close_timeout = 9s});
  detail::UniqueFd client = plain_client(server.port());
  co_await until([&] { return served != nullptr; });
  co_await sleep(8s);
  EXPECT_TRUE(is_open(served->writer));
  server.close();
  co_await sleep(3s);
  EXPECT_EQ(served, nullptr);
}

// --- the end of the peer

ASYNC_IO_TEST(StreamWriter, notices_the_fin_of_a_peer_and_takes_nothing_that_it_has_sent) {
  SocketPair sockets = tcp_sockets();
  Connection connection = adopt(std::move(sockets.first));
  EXPECT_EQ(::send(sockets.second.get(), "0123456789", 10, 0), 10);
  auto waiting = create_task(wait_disconnected(connection.writer));
  co_await until([&] { return unread(connection.writer) == 10; });
  co_await settle();
  EXPECT_FALSE(waiting.done());
  ::shutdown(sockets.second.get(), SHUT_WR);
  co_await waiting;
  EXPECT_EQ(unread(connection.writer), 10u);
  EXPECT_FALSE(connection.writer.is_closing());
  connection.writer.write("answer");  // a peer that has only ended its half still reads
  const std::string answer = co_await receive(sockets.second, 6);
  EXPECT_EQ(answer, "answer");
  const std::string got = co_await connection.reader.read();
  EXPECT_EQ(got, "0123456789");
}

ASYNC_IO_TEST(StreamWriter, notices_the_reset_of_a_peer) {
  SocketPair sockets = tcp_sockets();
  Connection connection = adopt(std::move(sockets.first));
  auto waiting = create_task(wait_disconnected(connection.writer));
  co_await settle();
  EXPECT_FALSE(waiting.done());
  reset(sockets.second);
  co_await waiting;
  EXPECT_FALSE(connection.writer.is_closing());  // the error is for those who read or write
  const std::error_code code = co_await error_of(connection.reader.read(1));
  EXPECT_EQ(code, std::errc::connection_reset);
}

ASYNC_IO_TEST(StreamWriter, notices_a_peer_that_was_gone_before_anybody_asked) {
  SocketPair sockets = tcp_sockets();
  sockets.second.reset();
  Connection connection = adopt(std::move(sockets.first));
  co_await connection.writer.wait_disconnected();
  SocketPair others = unix_sockets();
  others.second.reset();
  Connection other = adopt(std::move(others.first));
  co_await other.writer.wait_disconnected();
}

// A wait for the kernel: a virtual clock stands still.
ASYNC_TEST(StreamWriter, a_virtual_clock_waits_for_the_end_of_a_peer) {
  SocketPair sockets = tcp_sockets();
  Connection connection = adopt(std::move(sockets.first));
  bool timer_ran = false;
  const TimerHandle timer = get_running_loop().call_later(1h, [&] { timer_ran = true; });
  get_running_loop().call_soon([&] { sockets.second.reset(); });
  co_await connection.writer.wait_disconnected();
  EXPECT_FALSE(timer_ran);
  timer.cancel();
}
