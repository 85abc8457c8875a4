// SPDX-License-Identifier: MIT
#pragma once

#include "base/unique_fd.h"
#include "net/stream_transport.h"

namespace asyncio::inline ASYNCIO_ABI {

// A connected stream socket, or one that is being connected.
class SocketTransport : public StreamTransport, private WatchedFd {
 public:
  static void* operator new(std::size_t size) { return FramePool::get(size); }
  static void operator delete(void* memory, std::size_t size) noexcept { FramePool::put(memory, size); }

  // Watches the socket. Throws std::system_error.
  SocketTransport(EventLoop& loop, UniqueFd socket, std::size_t limit);

  ExtraInfo extra_info(std::string_view name) const override;

 protected:
  ~SocketTransport() override;

  std::ptrdiff_t carry_in(std::span<std::byte> room) noexcept override;
  std::ptrdiff_t carry_out(std::string_view data) noexcept override;
  void carry_eof() noexcept override;
  void let_go() noexcept override;
  void discard_input() noexcept override;

 private:
  void ready(std::uint8_t readiness) noexcept override;
};

// The two ends of a connection.
Connection connection_of(StreamTransport& transport);

}  // namespace asyncio::inline ASYNCIO_ABI
