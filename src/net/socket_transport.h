// SPDX-License-Identifier: MIT
#pragma once

#include "base/unique_fd.h"
#include "net/stream_transport.h"

namespace asyncio::inline ASYNCIO_ABI {

// A connected stream socket.
//
// Whether a receive that gives less than it had room for has emptied the socket depends on the kind. From a TCP socket it
// has, unless the last edge told of something else than plain data, before which a receive stops: an urgent mark, the
// end, an error. From a Unix socket nobody can tell: it also stops behind a message that came with file descriptors. So
// there, and after such an edge, only a receive that finds nothing says that nothing is left. Descriptors that come with
// the data are closed by the kernel, since nobody asks for them.
class SocketTransport : public StreamTransport, private WatchedFd {
 public:
  static void* operator new(std::size_t size) { return FramePool::get(size); }
  static void operator delete(void* memory, std::size_t size) noexcept { FramePool::put(memory, size); }

  // Watches the socket, and makes the most of it. Throws std::system_error.
  SocketTransport(EventLoop& loop, UniqueFd socket, std::size_t limit);

  ExtraInfo extra_info(std::string_view name) const override;

 protected:
  ~SocketTransport() override;

  Carried carry_in(std::span<std::byte> room) noexcept override;
  std::ptrdiff_t carry_out(std::string_view data) noexcept override;
  void carry_eof() noexcept override;
  void let_go() noexcept override;
  void discard_input() noexcept override;

 private:
  void ready(std::uint8_t readiness) noexcept override;

  const bool tcp_;
  bool mixed_;  // a short receive does not say that the socket is empty
};

// The two ends of a connection.
Connection connection_of(StreamTransport& transport);

}  // namespace asyncio::inline ASYNCIO_ABI
