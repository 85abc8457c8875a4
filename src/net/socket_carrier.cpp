// SPDX-License-Identifier: MIT
#include "net/socket_carrier.h"

#include "base/system_error.h"
#include "loop/loop_state.h"
#include "net/socket.h"
#include "net/stream_transport.h"

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

using lowlevel::CarriedIn;
using lowlevel::Pieces;
using lowlevel::Rest;

namespace {

bool is_would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

ssize_t receive(int fd, std::span<std::byte> room) {
  ssize_t count = 0;
  do {
    count = ::recv(fd, room.data(), room.size(), 0);
  } while (count < 0 && errno == EINTR);
  return count;
}

ssize_t send_one(int fd, std::span<const std::byte> piece) {
  ssize_t count = 0;
  do {
    count = ::send(fd, piece.data(), piece.size(), MSG_NOSIGNAL);
  } while (count < 0 && errno == EINTR);
  return count;
}

ssize_t send_several(int fd, Pieces pieces) {
  constexpr std::size_t most = 16;  // of one call: the rest is taken by the next one
  std::array<iovec, most> parts;
  const std::size_t taken = std::min(pieces.size(), most);
  for (std::size_t i = 0; i < taken; ++i) parts[i] = {const_cast<std::byte*>(pieces[i].data()), pieces[i].size()};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = taken;
  ssize_t count = 0;
  do {
    count = ::sendmsg(fd, &message, MSG_NOSIGNAL);
  } while (count < 0 && errno == EINTR);
  return count;
}

// Who is at the other end, for the message of an error: the socket is closed then, and nothing is known of it any more.
std::string peer_text(int fd, const char* preposition) {
  try {
    const SocketAddress peer = peer_of(fd);
    if (!to_address(peer).host().empty()) return preposition + address_text(peer);
  } catch (const std::system_error&) {
    // a Unix socket whose peer has gone
  }
  return {};
}

[[noreturn]] void throw_lost(int fd, const char* operation, const char* preposition) {
  const int error = errno;
  throw_system_error(error, operation + peer_text(fd, preposition));
}

}  // namespace

SocketCarrier::SocketCarrier(EventLoop& loop, UniqueFd socket)
    : WatchedFd(socket.get()), tcp_(set_no_delay(socket.get())), mixed_(!tcp_) {
  watch(loop);
  socket.release();
}

std::unique_ptr<lowlevel::Carrier> SocketCarrier::move_out() {
  unwatch();
  UniqueFd socket(fd());
  set_fd(-1);
  auto moved = std::make_unique<SocketCarrier>(*loop(), std::move(socket));
  moved->mixed_ = true;  // nobody knows what the edges of before would have said
  return moved;
}

void SocketCarrier::ready(std::uint8_t readiness) noexcept {
  const bool ending = (readiness & (hung_up | failed)) != 0;
  if (ending || (readiness & urgent) != 0) mixed_ = true;
  if (ending) sink().peer_gone();
  if ((readiness & can_read) != 0) sink().can_carry_in();
  if ((readiness & can_write) != 0) sink().can_carry_out();
}

void SocketCarrier::require_own_process(const char* operation) const {
  if (loop()->state().forked()) [[unlikely]]
    throw_made_before_fork(operation);
}

CarriedIn SocketCarrier::carry_in(std::span<std::byte> room) {
  require_own_process("read");
  const ssize_t count = receive(fd(), room);
  if (count > 0) {
    const auto got = static_cast<std::size_t>(count);
    return {got, mixed_ || got == room.size() ? Rest::more : Rest::empty};
  }
  if (count == 0) {
    ended_ = true;
    return {0, Rest::end};
  }
  if (!is_would_block(errno)) throw_lost(fd(), "read", " from ");
  mixed_ = !tcp_;
  return {0, Rest::empty};
}

std::size_t SocketCarrier::carry_out(Pieces pieces) {
  require_own_process("write");
  const ssize_t count = pieces.size() == 1 ? send_one(fd(), pieces.front()) : send_several(fd(), pieces);
  if (count >= 0) return static_cast<std::size_t>(count);
  if (!is_would_block(errno)) throw_lost(fd(), "write", " to ");
  return 0;
}

void SocketCarrier::carry_eof() {
  if (!loop()->state().forked()) ::shutdown(fd(), SHUT_WR);
}

// A socket that is closed with data unread resets the connection, and the peer may lose what was sent to it last.
bool SocketCarrier::carry_close() {
  if (ended_ || loop()->state().forked()) return true;
  constexpr int most_rooms = 64;  // some megabytes: more than that is not on its way, it is being sent for ever
  const std::span<std::byte> room = LoopStreams::of(*loop()).room();
  for (int i = 0; i < most_rooms; ++i) {
    const ssize_t count = receive(fd(), room);
    if (count <= 0 || (!mixed_ && static_cast<std::size_t>(count) < room.size())) break;
  }
  return true;
}

void SocketCarrier::let_go() noexcept {
  if (fd() < 0) return;
  unwatch();
  ::close(fd());
  set_fd(-1);
}

ExtraInfo SocketCarrier::extra_info(std::string_view name) const {
  if (fd() < 0) return {};
  try {
    if (name == "peername") return address_of_peer(fd());
    if (name == "sockname") return address_of_socket(fd());
  } catch (const std::system_error&) {
    return {};  // of a Unix socket whose peer has gone
  }
  if (name == "socket") return fd();
  return {};
}

}  // namespace asyncio::inline ASYNCIO_ABI
