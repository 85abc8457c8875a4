// SPDX-License-Identifier: MIT
#include "net/socket_transport.h"

#include "net/socket.h"

#include <cerrno>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

namespace {
std::ptrdiff_t result_of(ssize_t count) {
  if (count >= 0) return count;
  if (errno == EAGAIN || errno == EWOULDBLOCK) return StreamTransport::would_block;
  return -1 - errno;
}
}  // namespace

SocketTransport::SocketTransport(EventLoop& loop, UniqueFd socket, std::size_t limit)
    : StreamTransport(loop, limit), WatchedFd(socket.get()), tcp_(set_no_delay(socket.get())), mixed_(!tcp_) {
  loop.state().fds.own(*this);
  socket.release();
}

SocketTransport::~SocketTransport() { SocketTransport::let_go(); }

void SocketTransport::ready(std::uint8_t readiness) noexcept {
  retain();
  if ((readiness & (hung_up | failed | urgent)) != 0) mixed_ = true;
  if ((readiness & readable) != 0) can_carry_in();
  if ((readiness & writable) != 0) can_carry_out();
  release();
}

StreamTransport::Carried SocketTransport::carry_in(std::span<std::byte> room) noexcept {
  if (loop().state().forked()) [[unlikely]]
    return {of_parent, false};
  ssize_t count = 0;
  do {
    count = ::recv(fd(), room.data(), room.size(), 0);
  } while (count < 0 && errno == EINTR);
  if (count > 0) return {count, mixed_ || static_cast<std::size_t>(count) == room.size()};
  const std::ptrdiff_t result = result_of(count);
  if (result == would_block) mixed_ = !tcp_;
  return {result, false};
}

std::ptrdiff_t SocketTransport::carry_out(std::string_view data) noexcept {
  if (loop().state().forked()) [[unlikely]]
    return of_parent;
  ssize_t count = 0;
  do {
    count = ::send(fd(), data.data(), data.size(), MSG_NOSIGNAL);
  } while (count < 0 && errno == EINTR);
  return result_of(count);
}

void SocketTransport::carry_eof() noexcept {
  if (!loop().state().forked()) ::shutdown(fd(), SHUT_WR);
}

void SocketTransport::discard_input() noexcept {
  // A socket that is closed with data unread resets the connection, and the peer may lose what was sent to it last.
  constexpr int most_rooms = 64;  // some megabytes: more than that is not on its way, it is being sent for ever
  const std::span<std::byte> room = shared_room();
  for (int i = 0; i < most_rooms; ++i) {
    const Carried carried = carry_in(room);
    if (carried.count <= 0 || !carried.more) return;
  }
}

void SocketTransport::let_go() noexcept {
  if (fd() < 0) return;
  loop().state().fds.disown(*this);
  ::close(fd());
  set_fd(-1);
}

ExtraInfo SocketTransport::extra_info(std::string_view name) const {
  if (fd() < 0) return {};
  try {
    if (name == "peername") return address_of_peer(fd());
    if (name == "sockname") return address_of_socket(fd());
  } catch (const std::system_error&) {
    return {};  // the peer has gone
  }
  if (name == "socket") return fd();
  return {};
}

Connection connection_of(StreamTransport& transport) { return {StreamReader(transport), StreamWriter(transport)}; }

}  // namespace asyncio::inline ASYNCIO_ABI
