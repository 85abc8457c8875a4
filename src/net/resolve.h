// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/coro.h>

#include "net/socket.h"

#include <cstdint>
#include <string>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI::detail {

// Throws ValueError unless it is 0 to 65535.
std::uint16_t require_port(int port);

// The addresses of a host for a stream socket, in the order in which they are to be tried; a literal address is taken
// as it is, a name is looked up in a thread. `passive`: to listen at, where an empty host means every interface.
// Throws std::system_error, of the category "getaddrinfo" where the name is not known.
Coro<std::vector<SocketAddress>> resolve_stream(std::string host, std::uint16_t port, bool passive);

}  // namespace asyncio::inline ASYNCIO_ABI::detail
