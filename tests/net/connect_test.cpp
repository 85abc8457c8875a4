// SPDX-License-Identifier: MIT
#include <asyncio/exception_group.h>
#include <asyncio/server.h>
#include <asyncio/stream.h>
#include <asyncio/testing.h>

#include "tests/net/sockets.h"

#include <netinet/tcp.h>

#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

using namespace asyncio;
using namespace asyncio::testing;

namespace {

// A port at which nothing listens, for as long as the socket that has it lives.
struct DeadPort {
  detail::UniqueFd holder = detail::make_socket(AF_INET, SOCK_STREAM);
  std::uint16_t port = 0;
  DeadPort() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(holder.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    port = port_of(holder);
  }
};

// A listener that takes no more connections: the next one stays under way.
class FullListener {
 public:
  FullListener() : listener_(plain_listener(0)) {
    for (int i = 0; i < 4; ++i) waiting_.push_back(plain_client(port()));
  }
  std::uint16_t port() const { return port_of(listener_); }

 private:
  detail::UniqueFd listener_;
  std::vector<detail::UniqueFd> waiting_;
};

}  // namespace

ASYNC_IO_TEST(OpenConnection, connects_to_an_address) {
  auto server = co_await start_server(echo, "127.0.0.1", 0);
  Connection connection = co_await open_connection("127.0.0.1", server.port(), {.limit = 100});
  EXPECT_EQ(connection.reader.limit(), 100u);
  EXPECT_EQ(connection.writer.peername(), Address("127.0.0.1", server.port()));
  const int fd = std::get<int>(connection.writer.get_extra_info("socket"));
  EXPECT_EQ(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_NE(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  connection.writer.write("hello\n");
  const std::string answer = co_await connection.reader.readline();
  EXPECT_EQ(answer, "hello\n");
}

// BH-CONN-02
ASYNC_IO_TEST(OpenConnection, tries_every_address_of_a_name) {
  auto server = co_await start_server(echo, "127.0.0.1", 0);
  Connection connection = co_await open_connection("localhost", server.port());  // ::1 first, on many machines
  EXPECT_EQ(connection.writer.peername().host(), "127.0.0.1");
}

ASYNC_IO_TEST(OpenConnection, owns_its_arguments_when_the_call_returns) {
  auto server = co_await start_server(echo, "127.0.0.1", 0);
  std::optional<Coro<Connection>> opening;
  {
    std::string host = "127.0.0.1";
    std::string local = "127.0.0.3";
    opening.emplace(open_connection(host, server.port(), {.local_host = local}));
    host = "changed meanwhile";
    local = "changed meanwhile";
  }
  Connection connection = co_await std::move(*opening);
  EXPECT_EQ(connection.writer.sockname().host(), "127.0.0.3");
}

// BH-CONN-04
ASYNC_IO_TEST(OpenConnection, to_a_port_where_nothing_listens_is_refused) {
  const DeadPort dead;
  std::string what;
  std::error_code code;
  try {
    co_await open_connection("127.0.0.1", dead.port);
  } catch (const std::system_error& error) {
    what = error.what();
    code = error.code();
  }
  EXPECT_EQ(code, std::errc::connection_refused);
  EXPECT_NE(what.find("('127.0.0.1', " + std::to_string(dead.port) + ")"), std::string::npos) << what;
}

// BH-CONN-04
ASYNC_IO_TEST(OpenConnection, tells_the_errors_of_all_addresses) {
  const DeadPort dead;
  std::size_t attempts = 0;
  try {
    co_await open_connection("localhost", dead.port, {.all_errors = true});
  } catch (const ExceptionGroup& group) {
    attempts = group.exceptions().size();
    for (const std::exception_ptr& error : group.exceptions()) EXPECT_TRUE(detail::holds<std::system_error>(error));
  }
  EXPECT_GE(attempts, 1u);
  std::string what;
  std::error_code code;
  try {
    co_await open_connection("localhost", dead.port);
  } catch (const std::system_error& error) {
    what = error.what();
    code = error.code();
  }
  EXPECT_EQ(code, std::errc::connection_refused);
  EXPECT_EQ(what.find("Multiple exceptions") == 0, attempts > 1) << what;
  EXPECT_NE(what.find("('127.0.0.1', "), std::string::npos) << what;
}

ASYNC_IO_TEST(OpenConnection, to_a_name_that_nobody_knows_fails) {
  std::error_code code;
  try {
    co_await open_connection("no-such-host.invalid", 80);
  } catch (const std::system_error& error) {
    code = error.code();
  }
  EXPECT_EQ(code.category(), resolve_category()) << code.message();
}

// BH-CONN-05
ASYNC_IO_TEST(OpenConnection, binds_to_a_local_address_first) {
  Future<Address> peer;
  const auto handler = [peer](StreamReader, StreamWriter writer) -> Coro<> {
    peer.set_result(writer.peername());
    co_return;
  };
  auto server = co_await start_server(handler, "127.0.0.1", 0);
  Connection connection = co_await open_connection("127.0.0.1", server.port(), {.local_host = "127.0.0.2"});
  const Address seen = co_await peer;
  EXPECT_EQ(seen.host(), "127.0.0.2");
  EXPECT_EQ(seen, connection.writer.sockname());
}

// BH-CONN-05
ASYNC_IO_TEST(OpenConnection, cannot_bind_to_a_local_address_of_another_family_or_in_use) {
  auto server = co_await start_server(echo, "127.0.0.1", 0);
  const std::error_code family = co_await error_of(open_connection("127.0.0.1", server.port(), {.local_host = "::1"}));
  EXPECT_EQ(family, std::errc::address_not_available);
  const DeadPort taken;
  const std::error_code in_use = co_await error_of(
      open_connection("127.0.0.1", server.port(), {.local_host = "127.0.0.1", .local_port = taken.port}));
  EXPECT_EQ(in_use, std::errc::address_in_use);
}

TEST(OpenConnection, refuses_a_port_that_is_none) {
  EXPECT_THROW((void)open_connection("127.0.0.1", -1), ValueError);
  EXPECT_THROW((void)open_connection("127.0.0.1", 65536), ValueError);
  EXPECT_THROW((void)open_connection("127.0.0.1", 1, {.local_port = 65536}), ValueError);
}

ASYNC_IO_TEST(OpenConnection, gives_a_value_to_a_connection_that_was_made_before) {
  auto server = co_await start_server(echo, "127.0.0.1", 0);
  Connection connection;
  connection = co_await open_connection("127.0.0.1", server.port());
  connection.writer.write("hello\n");
  const std::string line = co_await connection.reader.readline();
  EXPECT_EQ(line, "hello\n");
  std::ostringstream text;
  text << connection.writer.peername();
  EXPECT_EQ(text.str(), "('127.0.0.1', " + std::to_string(server.port()) + ")");
  connection.writer.close();
  co_await connection.writer.wait_closed();
}

// BH-CONN-01
ASYNC_IO_TEST(OpenConnection, refuses_a_limit_of_nothing) {
  const bool refused = co_await throws<ValueError>(open_connection("127.0.0.1", 1, {.limit = 0}));
  EXPECT_TRUE(refused);
}

// BH-CONN-07 (the harness looks for the socket)
ASYNC_IO_TEST(OpenConnection, that_is_cancelled_on_its_way_leaves_no_socket) {
  const FullListener full;
  auto opening = create_task(open_connection("127.0.0.1", full.port()));
  co_await settle();
  EXPECT_FALSE(opening.done());
  opening.cancel();
  co_await settle();
  EXPECT_TRUE(opening.cancelled());
}

// BH-CONN-07
ASYNC_IO_TEST(OpenConnection, can_be_cancelled_at_every_step) {
  auto server = co_await start_server(echo, "127.0.0.1", 0);
  for (const char* host : {"127.0.0.1", "localhost"}) {
    for (int steps = 0; steps < 12; ++steps) {
      auto opening = create_task(open_connection(host, server.port()));
      for (int i = 0; i < steps; ++i) co_await sleep(std::chrono::nanoseconds(0));
      opening.cancel();
      try {
        Connection connection = co_await std::move(opening);  // it was there first
        connection.writer.write("hello\n");
        const std::string answer = co_await connection.reader.readline();
        EXPECT_EQ(answer, "hello\n");
      } catch (const CancelledError&) {
      }
    }
  }
}

TEST(OpenConnection, that_is_on_its_way_goes_with_the_loop) {
  const FullListener full;
  EventLoop loop;
  loop.set_exception_handler([](EventLoop&, const ExceptionContext&) {});
  Task<Connection> opening = loop.create_task(open_connection("127.0.0.1", full.port()));
  loop.run_until_complete([]() -> Coro<> { co_await settle(); }());
  EXPECT_FALSE(opening.done());
  loop.close();
  EXPECT_TRUE(opening.cancelled());
}

// The connection attempt is the kernel's: a virtual clock stands still for it.
ASYNC_TEST(OpenConnection, holds_a_virtual_clock) {
  const FullListener full;
  bool timer_ran = false;
  const TimerHandle timer = get_running_loop().call_later(std::chrono::hours(1), [&] { timer_ran = true; });
  auto opening = create_task(open_connection("127.0.0.1", full.port()));
  for (int i = 0; i < 100; ++i) co_await settle();
  EXPECT_FALSE(timer_ran);
  timer.cancel();
  opening.cancel();
  co_await settle();
}
