// SPDX-License-Identifier: MIT
// Sockets that somebody else has opened: `.socket = fd` of clients and servers.
#include <asyncio/server.h>
#include <asyncio/testing.h>

#include "tests/net/sockets.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <utility>

using namespace asyncio;
using namespace asyncio::detail;
using namespace asyncio::testing;

namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

Coro<> greet(StreamReader reader, StreamWriter writer) {
  const std::string name = co_await reader.readline();
  writer.write("hello " + name);
}

void block(const UniqueFd& fd) {
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) & ~O_NONBLOCK);
  ::fcntl(fd.get(), F_SETFD, 0);
}

}  // namespace

ASYNC_IO_TEST(AdoptedSocket, carries_a_connection_and_is_closed_with_it) {
  for (const bool tcp : {true, false}) {
    SocketPair sockets = tcp ? tcp_sockets() : unix_sockets();
    block(sockets.first);
    const int fd = sockets.first.release();
    Connection connection = co_await open_connection({.limit = 100, .socket = fd});
    EXPECT_EQ(connection.writer.fileno(), fd);
    EXPECT_EQ(connection.reader.limit(), 100u);
    EXPECT_NE(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    EXPECT_EQ(::fcntl(fd, F_GETFD), FD_CLOEXEC);
    connection.writer.write("out");
    const std::string out = co_await receive(sockets.second, 3);
    EXPECT_EQ(out, "out");
    EXPECT_EQ(::send(sockets.second.get(), "in", 2, 0), 2);
    const std::string in = co_await connection.reader.readexactly(2);
    EXPECT_EQ(in, "in");
    connection.writer.close();
    co_await connection.writer.wait_closed();
    EXPECT_FALSE(is_open(fd));
    EXPECT_THROW(connection.writer.fileno(), std::system_error);
  }
}

ASYNC_IO_TEST(AdoptedSocket, serves_whether_it_listens_already_or_not) {
  for (const bool listening : {true, false}) {
    UniqueFd socket = listening ? plain_listener() : UniqueFd();
    if (!listening) {
      socket = make_socket(AF_INET, SOCK_STREAM);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    }
    block(socket);
    const std::uint16_t port = port_of(socket);
    const int fd = socket.release();
    Server server = co_await start_server(greet, {.socket = fd});
    EXPECT_EQ(server.port(), port);
    Connection client = co_await open_connection("127.0.0.1", port);
    client.writer.write("world\n");
    const std::string answer = co_await client.reader.read();
    EXPECT_EQ(answer, "hello world\n");
    server.close();
    co_await server.wait_closed();
    EXPECT_FALSE(is_open(fd));
  }
}

ASYNC_IO_TEST(AdoptedSocket, of_the_unix_family_leaves_its_file_where_it_is) {
  const std::string path = ::testing::TempDir() + "adopted." + std::to_string(::getpid());
  UniqueFd socket = make_socket(AF_UNIX, SOCK_STREAM);
  const SocketAddress address = SocketAddress::of_unix(path);
  EXPECT_EQ(::bind(socket.get(), address.get(), address.length), 0);
  Server server = co_await start_server(greet, {.socket = socket.release()});
  Connection client = co_await open_unix_connection(path);
  client.writer.write("unix\n");
  const std::string answer = co_await client.reader.read();
  EXPECT_EQ(answer, "hello unix\n");
  server.close();
  co_await server.wait_closed();
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  ::unlink(path.c_str());
}

ASYNC_IO_TEST(AdoptedSocket, is_closed_where_it_is_refused) {
  UniqueFd datagrams(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const int fd = datagrams.release();
  const bool refused = co_await throws<ValueError>(open_connection({.socket = fd}));
  EXPECT_TRUE(refused);
  EXPECT_FALSE(is_open(fd));

  const int listener = plain_listener().release();
  const bool listens = co_await throws<ValueError>(open_connection({.socket = listener}));
  EXPECT_TRUE(listens);
  EXPECT_FALSE(is_open(listener));

  SocketPair sockets = tcp_sockets();
  const int connected = sockets.first.release();
  const bool is_connected = co_await throws<ValueError>(start_server(greet, {.socket = connected}));
  EXPECT_TRUE(is_connected);
  EXPECT_FALSE(is_open(connected));

  const int both = sockets.second.release();
  EXPECT_THROW((void)open_connection("127.0.0.1", 1, {.socket = both}), ValueError);
  EXPECT_FALSE(is_open(both));
  EXPECT_THROW((void)open_connection({}), ValueError);
  EXPECT_THROW((void)start_server(greet, {}), ValueError);
}

ASYNC_IO_TEST(AdoptedSocket, is_closed_where_nobody_awaits_the_call) {
  const int fd = plain_listener().release();
  {
    auto unused = start_server(greet, {.socket = fd});
    unused.close();
  }
  EXPECT_FALSE(is_open(fd));
  co_return;
}
