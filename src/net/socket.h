// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/address.h>

#include "base/unique_fd.h"

#include <sys/socket.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace asyncio::inline ASYNCIO_ABI::detail {

// An address as the system calls take it.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = sizeof(sockaddr_storage);

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
  bool operator==(const SocketAddress& other) const {
    return length == other.length && std::memcmp(&storage, &other.storage, length) == 0;
  }

  // Throws ValueError where the path does not fit. One that begins with a NUL byte is an abstract name.
  static SocketAddress of_unix(std::string_view path);
};

Address to_address(const SocketAddress& address);
// For messages: an abstract name is written with an @, as other tools do.
std::string path_text(std::string_view path);
Address address_of_socket(int fd);  // throw std::system_error
Address address_of_peer(int fd);
// For messages about a TCP connection that may be lost; "the peer" where nobody knows.
std::string describe_peer(int fd);

// A socket that does not block and is not inherited by other programs. Throws std::system_error.
UniqueFd make_socket(int family, int type);

// Makes a descriptor that somebody else has opened what make_socket() gives. Throws ValueError for what is no stream
// socket, or for one that is connected where one to listen with is wanted, and the other way round.
enum class SocketUse : std::uint8_t { connected, listening };
void adopt_socket(int fd, SocketUse use);

// What a TCP connection is best served with: no waiting for more data before a small piece is sent. Whether it is one:
// a Unix socket has no delay.
bool set_no_delay(int fd) noexcept;

}  // namespace asyncio::inline ASYNCIO_ABI::detail
