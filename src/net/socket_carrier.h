// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/lowlevel/transport.h>
#include <asyncio/lowlevel/watched_fd.h>

#include "base/unique_fd.h"

#include <memory>

namespace asyncio::inline ASYNCIO_ABI::detail {

// A connected stream socket.
//
// Whether a receive that gives less than it had room for has emptied the socket depends on the kind. From a TCP socket
// it has, unless the last edge told of something else than plain data, before which a receive stops: an urgent mark,
// the end, an error. From a Unix socket nobody can tell: it also stops behind a message that came with file
// descriptors. So there, and after such an edge, only a receive that finds nothing says that nothing is left.
// Descriptors that come with the data are closed by the kernel, since nobody asks for them.
class SocketCarrier final : public lowlevel::Carrier, private lowlevel::WatchedFd {
 public:
  // Watches the socket, and makes the most of it. Throws std::system_error.
  SocketCarrier(EventLoop& loop, UniqueFd socket);
  ~SocketCarrier() override { SocketCarrier::let_go(); }

  // The same socket in a carrier of its own; this one has nothing any more. Throws std::system_error, and then it has
  // closed the socket.
  std::unique_ptr<lowlevel::Carrier> move_out();

  lowlevel::CarriedIn carry_in(std::span<std::byte> room) override;
  std::size_t carry_out(lowlevel::Pieces pieces) override;
  void carry_eof() override;
  bool carry_close() override;
  void let_go() noexcept override;
  ExtraInfo extra_info(std::string_view name) const override;

 private:
  void ready(std::uint8_t readiness) noexcept override;
  void require_own_process(const char* operation) const;
  [[noreturn]] void throw_failed(const char* operation) const;  // with errno

  const bool tcp_;
  bool mixed_;          // a short receive does not say that the socket is empty
  bool ended_ = false;  // the end was met
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
