// SPDX-License-Identifier: MIT
#include "net/socket.h"

#include <asyncio/error.h>

#include "base/system_error.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

SocketAddress SocketAddress::of_unix(std::string_view path) {
  SocketAddress result;
  sockaddr_un& address = reinterpret_cast<sockaddr_un&>(result.storage);
  const bool abstract = !path.empty() && path.front() == '\0';
  if (path.empty() || path.size() + (abstract ? 0 : 1) > sizeof address.sun_path) {
    throw ValueError("a Unix socket's path must have 1 to " + std::to_string(sizeof address.sun_path - 1) + " bytes");
  }
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  result.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1));
  return result;
}

Address detail::to_address(const SocketAddress& address) {
  char text[INET6_ADDRSTRLEN] = {};
  if (address.family() == AF_INET) {
    const sockaddr_in& in = reinterpret_cast<const sockaddr_in&>(address.storage);
    ::inet_ntop(AF_INET, &in.sin_addr, text, sizeof text);
    return {text, ntohs(in.sin_port)};
  }
  if (address.family() == AF_INET6) {
    const sockaddr_in6& in6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
    ::inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof text);
    return {text, ntohs(in6.sin6_port)};
  }
  if (address.family() == AF_UNIX && address.length > offsetof(sockaddr_un, sun_path)) {
    const sockaddr_un& un = reinterpret_cast<const sockaddr_un&>(address.storage);
    std::string path(un.sun_path, address.length - offsetof(sockaddr_un, sun_path));
    if (path.front() != '\0') path = path.c_str();  // the length of a named one counts its terminator
    return {std::move(path), 0};
  }
  return {};
}

std::string detail::path_text(std::string_view path) {
  std::string text(path);
  std::replace(text.begin(), text.end(), '\0', '@');
  return text;
}

std::string detail::address_text(const SocketAddress& address) {
  const Address where = to_address(address);
  return address.family() == AF_UNIX ? "'" + path_text(where.host()) + "'" : to_string(where);
}

Address detail::address_of_socket(int fd) {
  SocketAddress address;
  if (::getsockname(fd, address.get(), &address.length) != 0) throw_errno("getsockname");
  return to_address(address);
}

Address detail::address_of_peer(int fd) { return to_address(peer_of(fd)); }

SocketAddress detail::peer_of(int fd) {
  SocketAddress address;
  if (::getpeername(fd, address.get(), &address.length) == 0) return address;
  const int error = errno;
  // A connection that has ended, by a reset or in both directions, still has its peer, but another call has to ask. It
  // wants to know how long the address is: as long as that of this end.
  if (::getsockname(fd, address.get(), &address.length) != 0 ||
      ::getsockopt(fd, SOL_SOCKET, SO_PEERNAME, address.get(), &address.length) != 0) {
    throw_system_error(error, "getpeername");
  }
  return address;
}

UniqueFd detail::make_socket(int family, int type) {
  UniqueFd fd(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) throw_errno("socket");
  return fd;
}

void detail::adopt_socket(int fd, SocketUse use) {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM) {
    throw ValueError("not a stream socket: file descriptor " + std::to_string(fd));
  }
  SocketAddress peer;
  const bool connected = ::getpeername(fd, peer.get(), &peer.length) == 0;
  if (connected != (use == SocketUse::connected)) {
    throw ValueError("the socket is " + std::string(connected ? "" : "not ") + "connected: file descriptor " +
                     std::to_string(fd));
  }
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
    throw_errno("fcntl");
  }
}

bool detail::set_no_delay(int fd) noexcept {
  const int on = 1;
  return ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0;
}

std::string to_string(const Address& address) {
  return "('" + address.host() + "', " + std::to_string(address.port()) + ")";
}

}  // namespace asyncio::inline ASYNCIO_ABI
