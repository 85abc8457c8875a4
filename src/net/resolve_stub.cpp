#include "net/resolve.h"
#include <netdb.h>
#include <cstring>
#include <system_error>
namespace asyncio::inline ASYNCIO_ABI {
Coro<std::vector<SocketAddress>> resolve_stream(std::string host, std::uint16_t port, bool passive) {
  addrinfo hints{}; hints.ai_socktype = SOCK_STREAM; hints.ai_flags = (passive ? AI_PASSIVE : 0) | AI_NUMERICSERV; addrinfo* list = nullptr;
  if (::getaddrinfo(host.empty() ? nullptr : host.c_str(), std::to_string(port).c_str(), &hints, &list) != 0) throw std::system_error(ENOENT, std::generic_category(), host);
  std::vector<SocketAddress> r; for (addrinfo* a = list; a; a = a->ai_next) { SocketAddress s; std::memcpy(&s.storage, a->ai_addr, a->ai_addrlen); s.length = a->ai_addrlen; r.push_back(s); } ::freeaddrinfo(list); co_return r;
}
}
