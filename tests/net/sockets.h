// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/sleep.h>
#include <asyncio/stream.h>

#include "base/unique_fd.h"
#include "net/socket.h"
#include "net/stream_transport.h"
#include "tests/ending.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

// What the tests of sockets share: peers that know nothing of the library, and what they do to it.
namespace asyncio::inline ASYNCIO_ABI::testing {

struct SocketPair {
  detail::UniqueFd first;
  detail::UniqueFd second;
};

inline SocketPair unix_sockets() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
    throw std::runtime_error("socketpair");
  return {detail::UniqueFd(fds[0]), detail::UniqueFd(fds[1])};
}

// A socket that is connected to 127.0.0.1:`port`, or to be: it does not block.
inline detail::UniqueFd plain_client(std::uint16_t port) {
  detail::UniqueFd fd = detail::make_socket(AF_INET, SOCK_STREAM);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 && errno != EINPROGRESS) {
    throw std::system_error(errno, std::generic_category(), "connect");
  }
  return fd;
}

// A socket that listens at a port of the system's choice.
inline detail::UniqueFd plain_listener(int backlog = 16) {
  detail::UniqueFd fd = detail::make_socket(AF_INET, SOCK_STREAM);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd.get(), backlog) != 0) {
    throw std::system_error(errno, std::generic_category(), "listen");
  }
  return fd;
}

inline std::uint16_t port_of(const detail::UniqueFd& fd) { return detail::address_of_socket(fd.get()).port(); }

inline SocketPair tcp_sockets() {
  const detail::UniqueFd listener = plain_listener();
  detail::UniqueFd client = plain_client(port_of(listener));
  const int flags = ::fcntl(listener.get(), F_GETFL);
  ::fcntl(listener.get(), F_SETFL, flags & ~O_NONBLOCK);
  detail::UniqueFd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!accepted) throw std::system_error(errno, std::generic_category(), "accept");
  return {std::move(client), std::move(accepted)};
}

// A handler that sends back each line.
inline Coro<> echo(StreamReader reader, StreamWriter writer) {
  while (auto line = co_await reader.next_line()) {
    writer.write(*line);
    co_await writer.drain();
  }
}

// The streams of a connected socket.
inline Connection adopt(detail::UniqueFd socket, std::size_t limit = 64 * 1024,
                        TimeLimit close_timeout = std::chrono::seconds(30)) {
  return detail::connection_of(
      *new detail::SocketStream(get_running_loop(), std::move(socket), {limit, close_timeout}));
}

// Closes a TCP socket so that the peer gets a reset.
inline void reset(detail::UniqueFd& socket) {
  const linger at_once{1, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  socket.reset();
}

// Sends until the kernel takes no more; how many bytes.
inline std::size_t fill(const detail::UniqueFd& socket) {
  const std::string block(64 * 1024, 'x');
  std::size_t sent = 0;
  for (ssize_t count; (count = ::send(socket.get(), block.data(), block.size(), MSG_NOSIGNAL)) > 0;) {
    sent += static_cast<std::size_t>(count);
  }
  return sent;
}

// Receives what is there.
inline std::string drain_socket(const detail::UniqueFd& socket) {
  std::string data;
  char room[64 * 1024];
  for (ssize_t count; (count = ::recv(socket.get(), room, sizeof room, 0)) > 0;) {
    data.append(room, static_cast<std::size_t>(count));
  }
  return data;
}

// Lets the others run until the condition holds: for what the kernel does in its own time.
template <class Condition>
Coro<> until(Condition condition) {
  for (bool holds = condition(); !holds; holds = condition()) co_await sleep(std::chrono::nanoseconds(0));
}

// What a plain socket receives, up to so many bytes or the end.
inline Coro<std::string> receive(const detail::UniqueFd& socket, std::size_t count) {
  std::string data;
  while (data.size() < count) {
    char room[4096];
    const ssize_t got = ::recv(socket.get(), room, std::min(sizeof room, count - data.size()), 0);
    if (got == 0 || (got < 0 && errno != EAGAIN)) break;
    if (got > 0) data.append(room, static_cast<std::size_t>(got));
    if (got < 0) co_await sleep(std::chrono::nanoseconds(0));
  }
  co_return data;
}

inline int option_of(int fd, int level, int option) {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, level, option, &value, &size) == 0 ? value : -1;
}

// The error code that an operation throws; that of success where it throws nothing.
template <class A>
Coro<std::error_code> error_of(A operation) {
  std::error_code code;
  try {
    (void)co_await std::move(operation);
  } catch (const std::system_error& error) {
    code = error.code();
  }
  co_return code;
}

// Whether it is one of the errors of a connection that the peer has ended.
inline bool is_connection_lost(const std::error_code& code) {
  return code == std::errc::connection_reset || code == std::errc::broken_pipe;
}

}  // namespace asyncio::inline ASYNCIO_ABI::testing
