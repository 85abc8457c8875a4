// SPDX-License-Identifier: MIT
// Listening, and what a server does with its connections. Its end: server_end_test. Failures: server_fault_test.
#include <asyncio/server.h>

#include <asyncio/outcome.h>
#include <asyncio/testing.h>
#include <asyncio/timeout.h>
#include <asyncio/with.h>

#include "tests/net/sockets.h"

#include <netinet/tcp.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

using namespace asyncio;
using namespace asyncio::testing;

namespace {

Coro<std::string> ask(std::uint16_t port, std::string line, std::string host = "127.0.0.1") {
  Connection connection = co_await open_connection(host, port);
  connection.writer.write(line);
  const std::string answer = co_await connection.reader.readline();
  connection.writer.close();
  co_await connection.writer.wait_closed();
  co_return answer;
}

// A client that the server has accepted, and answered.
Coro<Connection> served_client(const Server& server) {
  Connection client = co_await open_connection("127.0.0.1", server.port());
  client.writer.write("one\n");
  const std::string answer = co_await client.reader.readline();
  require(answer == "one\n");
  co_return client;
}

// Whether something listens at the port.
Coro<bool> answers(std::uint16_t port) {
  bool answered = true;
  try {
    const std::string answer = co_await ask(port, "hello\n");
    answered = answer == "hello\n";
  } catch (const std::system_error&) {
    answered = false;
  }
  co_return answered;
}

Coro<> serve_forever(Server& server) { co_await server.serve_forever(); }
Coro<> wait_closed(Server& server) { co_await server.wait_closed(); }

}  // namespace

// BH-SRV-01, BH-SRV-02
ASYNC_IO_TEST(Server, has_the_port_that_the_system_chose) {
  auto server = co_await start_server(echo, "127.0.0.1", 0);
  EXPECT_NE(server.port(), 0);
  EXPECT_TRUE(server.is_serving());
  const auto sockets = server.sockets();
  EXPECT_EQ(sockets.size(), 1u);
  EXPECT_EQ(sockets.front().getsockname(), Address("127.0.0.1", server.port()));
  EXPECT_EQ(option_of(sockets.front().fileno(), SOL_SOCKET, SO_ACCEPTCONN), 1);
  EXPECT_EQ(option_of(sockets.front().fileno(), SOL_SOCKET, SO_REUSEADDR), 1);
  const bool answered = co_await answers(server.port());
  EXPECT_TRUE(answered);
}

// BH-SRV-01
ASYNC_IO_TEST(Server, listens_at_every_interface_where_the_host_is_empty) {
  auto server = co_await start_server(echo, "", 0);
  bool has_ipv4 = false;
  for (const ListeningSocket& socket : server.sockets()) {
    const Address address = socket.getsockname();
    if (address.host() == "0.0.0.0") {
      has_ipv4 = true;
      const bool answered = co_await answers(address.port());
      EXPECT_TRUE(answered);
    } else {
      EXPECT_EQ(address.host(), "::");
      EXPECT_EQ(option_of(socket.fileno(), IPPROTO_IPV6, IPV6_V6ONLY), 1);
    }
  }
  EXPECT_TRUE(has_ipv4);
}

// BH-SRV-01
ASYNC_IO_TEST(Server, listens_at_several_hosts_and_once_at_each) {
  const std::vector<std::string> hosts{"127.0.0.1", "127.0.0.2", "127.0.0.1"};
  auto server = co_await start_server(echo, hosts, 0);
  const auto sockets = server.sockets();
  EXPECT_EQ(sockets.size(), 2u);
  const std::string first = co_await ask(sockets[0].getsockname().port(), "a\n", "127.0.0.1");
  const std::string second = co_await ask(sockets[1].getsockname().port(), "b\n", "127.0.0.2");
  EXPECT_EQ(first + second, "a\nb\n");
  const std::vector<std::string> none;
  const bool refused = co_await throws<ValueError>(start_server(echo, none, 0));
  EXPECT_TRUE(refused);
}

// BH-SRV-02
ASYNC_IO_TEST(Server, has_the_backlog_that_is_asked_for) {
  const auto backlog_of = [](const Server& server) {
    tcp_info info{};
    socklen_t size = sizeof info;
    ::getsockopt(server.sockets().front().fileno(), IPPROTO_TCP, TCP_INFO, &info, &size);
    return info.tcpi_sacked;  // which means this for a socket that listens
  };
  std::uint32_t most = 0;
  std::ifstream("/proc/sys/net/core/somaxconn") >> most;
  auto server = co_await start_server(echo, "127.0.0.1", 0);
  EXPECT_EQ(backlog_of(server), std::min<std::uint32_t>(most, 4096));
  auto small = co_await start_server(echo, "127.0.0.1", 0, {.backlog = 7});
  EXPECT_EQ(backlog_of(small), 7u);
}

// BH-SRV-02
ASYNC_IO_TEST(Server, skips_an_address_that_the_machine_does_not_have) {
  EventLoop& loop = get_running_loop();
  loop.set_debug(true);
  const std::vector<std::string> hosts{"192.0.2.1", "127.0.0.1"};  // the first is for documentation
  auto server = co_await start_server(echo, hosts, 0);
  loop.set_debug(false);
  EXPECT_EQ(server.sockets().size(), 1u);
  const std::vector<std::string> reports = take_reports();
  EXPECT_EQ(reports.size(), 1u);
  EXPECT_NE(reports.front().find("192.0.2.1"), std::string::npos);
}

// BH-SRV-02
ASYNC_IO_TEST(Server, fails_where_nothing_can_be_bound_and_names_the_address) {
  std::string what;
  std::error_code code;
  try {
    auto server = co_await start_server(echo, "192.0.2.1", 4711);
  } catch (const std::system_error& error) {
    what = error.what();
    code = error.code();
  }
  EXPECT_EQ(code, std::errc::address_not_available);
  EXPECT_NE(what.find("('192.0.2.1', 4711)"), std::string::npos) << what;
}

// BH-SRV-02
ASYNC_IO_TEST(Server, leaves_nothing_bound_where_one_address_is_in_use) {
  auto other = co_await start_server(echo, "127.0.0.1", 0);
  const std::vector<std::string> hosts{"127.0.0.2", "127.0.0.1"};
  const std::error_code code = co_await error_of(start_server(echo, hosts, other.port()));
  EXPECT_EQ(code, std::errc::address_in_use);
  auto server = co_await start_server(echo, "127.0.0.2", other.port());
  EXPECT_TRUE(server.is_serving());
}

// BH-SRV-02
ASYNC_IO_TEST(Server, shares_a_port_with_others_that_allow_it) {
  auto first = co_await start_server(echo, "127.0.0.1", 0, {.reuse_port = true});
  auto second = co_await start_server(echo, "127.0.0.1", first.port(), {.reuse_port = true});
  EXPECT_EQ(first.port(), second.port());
}

// BH-SRV-02
ASYNC_IO_TEST(Server, prepares_the_sockets_that_it_accepts) {
  Future<int> accepted;
  const auto handler = [accepted](StreamReader reader, StreamWriter writer) -> Coro<> {
    accepted.set_result(std::get<int>(writer.get_extra_info("socket")));
    co_await reader.read();
  };
  auto server = co_await start_server(handler, "127.0.0.1", 0, {.keep_alive = true});
  Connection client = co_await open_connection("127.0.0.1", server.port());
  const int fd = co_await accepted;
  EXPECT_EQ(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_NE(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
}

ASYNC_IO_TEST(Server, refuses_options_that_make_no_sense) {
  const bool no_limit = co_await throws<ValueError>(start_server(echo, "127.0.0.1", 0, {.limit = 0}));
  EXPECT_TRUE(no_limit);
  const bool no_handler = co_await throws<ValueError>(start_server(detail::ConnectionHandler(), "127.0.0.1", 0));
  EXPECT_TRUE(no_handler);
  for (const int port : {-1, 65536}) {
    EXPECT_THROW((void)start_server(echo, "127.0.0.1", port), ValueError);
    EXPECT_THROW((void)start_server(echo, std::vector<std::string>{"127.0.0.1"}, port), ValueError);
  }
}

// BH-SRV-03
ASYNC_IO_TEST(Server, listens_when_it_is_told_to) {
  auto server = co_await start_server(echo, "127.0.0.1", 0, {.start_serving = false});
  EXPECT_FALSE(server.is_serving());
  const bool before = co_await answers(server.port());
  EXPECT_FALSE(before);
  co_await server.start_serving();
  co_await server.start_serving();
  EXPECT_TRUE(server.is_serving());
  const bool after = co_await answers(server.port());
  EXPECT_TRUE(after);
  server.close();
  EXPECT_FALSE(server.is_serving());
  const bool closed = co_await throws<RuntimeError>(server.start_serving());
  EXPECT_TRUE(closed);
}

// BH-SRV-06
ASYNC_IO_TEST(Server, that_is_closed_stops_listening_and_leaves_its_connections) {
  auto server = co_await start_server(echo, "127.0.0.1", 0);
  const std::uint16_t port = server.port();
  Connection client = co_await served_client(server);
  auto serving = create_task(serve_forever(server));
  co_await settle();
  server.close();
  server.close();
  EXPECT_FALSE(server.is_serving());
  EXPECT_TRUE(server.sockets().empty());
  EXPECT_THROW(server.port(), RuntimeError);
  co_await settle();
  EXPECT_FALSE(serving.done());
  const bool refused = !co_await answers(port);
  EXPECT_TRUE(refused);
  client.writer.write("two\n");
  const std::string two = co_await client.reader.readline();
  EXPECT_EQ(two, "two\n");
  client.writer.close();
  const auto end = co_await as_result(serving);
  EXPECT_FALSE(end.has_value());
  EXPECT_TRUE(serving.cancelled());
}

// BH-SRV-06
ASYNC_IO_TEST(Server, that_is_closed_and_waits_for_its_clients_cancels_the_handlers_where_it_is_cancelled) {
  auto server = co_await start_server(echo, "127.0.0.1", 0);
  Connection client = co_await served_client(server);
  auto serving = create_task(serve_forever(server));
  co_await settle();
  server.close();
  co_await settle();
  EXPECT_FALSE(serving.done());
  serving.cancel();
  const auto end = co_await as_result(serving);
  EXPECT_FALSE(end.has_value());
  EXPECT_TRUE(serving.cancelled());
  const std::string rest = co_await client.reader.read();
  EXPECT_EQ(rest, "");
}

// BH-SRV-07, BH-SRV-10, BH-SRV-11
ASYNC_IO_TEST(Server, is_closed_when_close_was_called_and_every_connection_is_gone) {
  auto server = co_await start_server(echo, "127.0.0.1", 0);
  auto waiting = create_task(wait_closed(server));
  {
    Connection first = co_await open_connection("127.0.0.1", server.port());
    Connection second = co_await served_client(server);  // so that both were accepted
    server.close();
    co_await settle();
    EXPECT_FALSE(waiting.done());
    first.writer.close();
    co_await settle();
    EXPECT_FALSE(waiting.done());
  }
  co_await waiting;
  co_await server.wait_closed();
}

// BH-SRV-07
ASYNC_IO_TEST(Server, can_be_closed_with_a_deadline) {
  auto server = co_await start_server(echo, "127.0.0.1", 0);
  Connection idle = co_await served_client(server);
  server.close();
  const auto closed = co_await as_result(wait_for(server.wait_closed(), std::chrono::milliseconds(1)));
  EXPECT_FALSE(closed.has_value());
  server.abort_clients();
  co_await server.wait_closed();
}

// BH-SRV-08
ASYNC_IO_TEST(Server, close_clients_sends_what_is_kept_and_abort_clients_drops_it) {
  constexpr std::size_t much = 16'000'000;
  const auto handler = [](StreamReader reader, StreamWriter writer) -> Coro<> {
    writer.write(std::string(much, 'x'));
    co_await reader.read();
  };
  for (const bool close_first : {false, true}) {
    for (const bool abort : {false, true}) {
      auto server = co_await start_server(handler, "127.0.0.1", 0);
      Connection client = co_await open_connection("127.0.0.1", server.port());
      const std::string first = co_await client.reader.readexactly(1);
      EXPECT_EQ(first, "x");
      if (close_first) server.close();
      if (abort) {
        server.abort_clients();
      } else {
        server.close_clients();
      }
      const std::string rest = co_await client.reader.read();
      if (abort) {
        EXPECT_LT(rest.size(), much - 1);
      }
      if (!abort) {
        EXPECT_EQ(rest.size(), much - 1);
      }
      server.close();
      co_await server.wait_closed();
    }
  }
}

// BH-SRV-09
ASYNC_IO_TEST(Server, serves_forever_once_at_a_time) {
  auto server = co_await start_server(echo, "127.0.0.1", 0, {.start_serving = false});
  auto first = create_task(serve_forever(server));
  co_await settle();
  EXPECT_TRUE(server.is_serving());
  const bool second = co_await throws<RuntimeError>(server.serve_forever());
  EXPECT_TRUE(second);
  first.cancel();
  const bool cancelled = co_await throws<CancelledError>(first);
  EXPECT_TRUE(cancelled);
  EXPECT_FALSE(server.is_serving());
  const bool closed = co_await throws<RuntimeError>(server.serve_forever());
  EXPECT_TRUE(closed);
}

// BH-SRV-10
ASYNC_IO_TEST(Server, as_a_block_is_closed_at_its_end) {
  Task<std::string> client;
  bool closed = false;
  auto listening = co_await start_server(echo, "127.0.0.1", 0);
  co_await with(std::move(listening), [&](Server& server) -> Coro<> {
    client = create_task(ask(server.port(), "hello\n"));
    const std::string answer = co_await client;
    EXPECT_EQ(answer, "hello\n");
    get_running_loop().call_soon([&] { closed = true; });
  });
  EXPECT_TRUE(closed);
}

// BH-WR-08
ASYNC_IO_TEST(Server, runs_each_connection_in_a_task_of_its_own) {
  std::vector<std::string> tasks;
  Future<> all_there;
  int ended = 0;
  const auto handler = [&](StreamReader, StreamWriter) -> Coro<> {
    tasks.push_back(current_task().name());
    co_await all_there;
    ++ended;
  };
  auto server = co_await start_server(handler, "127.0.0.1", 0);
  const detail::UniqueFd first = plain_client(server.port());
  const detail::UniqueFd second = plain_client(server.port());
  co_await until([&] { return tasks.size() == 2; });
  EXPECT_NE(tasks[0], tasks[1]);
  EXPECT_NE(tasks[0], current_task().name());
  co_await settle();
  EXPECT_EQ(ended, 0);
  all_there.set_result();  // nobody but the server has kept the tasks
  co_await settle();
  EXPECT_EQ(ended, 2);
}

ASYNC_IO_TEST(Server, serves_a_thousand_connections_and_keeps_nothing_of_them) {
  auto server = co_await start_server(echo, "127.0.0.1", 0);
  for (int i = 0; i < 1000; ++i) {
    const std::string answer = co_await ask(server.port(), "hello\n");
    EXPECT_EQ(answer, "hello\n");
  }
  server.close();
  co_await server.wait_closed();
}

// BH-SRV-04
ASYNC_IO_TEST(Server, lets_others_run_while_many_connections_come) {
  int served = 0;
  const auto handler = [&](StreamReader, StreamWriter) -> Coro<> {
    ++served;
    co_return;
  };
  auto server = co_await start_server(handler, "127.0.0.1", 0);
  std::vector<detail::UniqueFd> clients;
  for (int i = 0; i < 200; ++i) clients.push_back(plain_client(server.port()));
  int most_at_once = 0;
  while (served < 200) {
    const int before = served;
    co_await sleep(std::chrono::nanoseconds(0));
    most_at_once = std::max(most_at_once, served - before);
  }
  EXPECT_LE(most_at_once, 64);
}

ASYNC_IO_TEST(Server, waits_of_it_may_outlive_it) {
  Task<> serving;
  Task<> waiting;
  {
    auto server = co_await start_server(echo, "127.0.0.1", 0);
    serving = create_task(server.serve_forever());  // they have not begun when the server goes
    waiting = create_task(server.wait_closed());
  }
  const bool closed = co_await throws<RuntimeError>(serving);
  EXPECT_TRUE(closed);
  co_await waiting;
}

ASYNC_IO_TEST(Server, that_was_moved_is_the_same_server) {
  auto first = co_await start_server(echo, "127.0.0.1", 0);
  const std::uint16_t port = first.port();
  Server server = std::move(first);
  auto other = co_await start_server(echo, "127.0.0.1", 0);
  first = std::move(other);
  const bool answered = co_await answers(port);
  EXPECT_TRUE(answered);
  EXPECT_EQ(server.port(), port);
}

ASYNC_IO_TEST(Server, that_was_moved_from_throws_a_runtime_error_whatever_is_asked_of_it) {
  auto from = co_await start_server(echo, "127.0.0.1", 0);
  const Server to = std::move(from);
  EXPECT_THROW((void)from.start_serving(), RuntimeError);
  EXPECT_THROW((void)from.serve_forever(), RuntimeError);
  EXPECT_THROW(from.is_serving(), RuntimeError);
  EXPECT_THROW(from.close(), RuntimeError);
  EXPECT_THROW(from.close_clients(), RuntimeError);
  EXPECT_THROW(from.abort_clients(), RuntimeError);
  EXPECT_THROW((void)from.wait_closed(), RuntimeError);
  EXPECT_THROW((void)from.enter(), RuntimeError);
  EXPECT_THROW((void)from.exit(nullptr), RuntimeError);
  EXPECT_THROW(from.port(), RuntimeError);
  EXPECT_THROW(from.sockets(), RuntimeError);
  EXPECT_TRUE(to.is_serving());
}
