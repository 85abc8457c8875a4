// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/coro.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI {

// Where a socket is: a numeric IP address and a port; for a Unix socket its path, and port 0.
// Python: what sock.getsockname() gives.
class Address {
 public:
  Address() = default;
  Address(std::string host, std::uint16_t port) : host_(std::move(host)), port_(port) {}

  const std::string& host() const { return host_; }
  std::uint16_t port() const { return port_; }

  bool operator==(const Address&) const = default;

 private:
  std::string host_;
  std::uint16_t port_ = 0;
};

// As Python prints it: "('127.0.0.1', 8888)".
std::string to_string(const Address& address);
template <class Stream>
  requires requires(Stream& out, const std::string& text) { out << text; }
Stream& operator<<(Stream& out, const Address& address) {
  out << to_string(address);
  return out;
}

enum class AddressFamily : std::uint8_t { any, ipv4, ipv6 };
enum class SocketType : std::uint8_t { any, stream, datagram };

// What getaddrinfo() is to look for.
struct ResolveOptions {
  AddressFamily family = AddressFamily::any;
  SocketType type = SocketType::stream;  // `any` gives each address once for each type
  bool passive = false;                  // to listen at: an empty host is every interface, not this machine
  bool numeric_host = false;             // the host is a literal address: nothing is looked up
  bool canonical_name = false;           // the first result has it
  bool address_configured = false;       // only families of which this machine has an address
};

// One way to reach a host.
struct AddressInfo {
  AddressFamily family;
  SocketType type;
  int protocol;                // IPPROTO_TCP or another of the system's numbers
  std::string canonical_name;  // mostly empty
  Address address;
};

// The addresses of a host, in the order in which they are to be tried. Python: loop.getaddrinfo().
//
//   for (const AddressInfo& info : co_await getaddrinfo("example.org", 443)) std::cout << info.address;
//
// A literal address is taken as it is, within the call. A name is looked up in one of the loop's resolver threads,
// which do nothing else: a default executor whose threads are all busy delays no connection. A cancel throws
// CancelledError at once; the lookup goes on unseen.
// Throws std::system_error: with resolve_category() and one of the system's EAI_ numbers, or the error that the system
// met. ValueError where the host or the service has a NUL byte, or the port is not 0 to 65535.
Coro<std::vector<AddressInfo>> getaddrinfo(std::string_view host, int port, const ResolveOptions& options = {});
// The same with the name of a service, "https", or its number as text.
Coro<std::vector<AddressInfo>> getaddrinfo(std::string_view host, std::string_view service,
                                           const ResolveOptions& options = {});

struct NameInfoOptions {
  bool numeric_host = false;     // the address as text: nothing is looked up
  bool numeric_service = false;  // the port as text
  bool name_required = false;    // an address without a name is an error, instead of being given as text
  bool datagram = false;         // the service is one of UDP, where the names differ
};

struct NameInfo {
  std::string host;
  std::string service;
};

// The name of an address, and that of the service at its port. Lookups, errors and cancels as with getaddrinfo(); for
// an address that is no literal IP address EAI_NONAME. Python: loop.getnameinfo().
Coro<NameInfo> getnameinfo(const Address& address, const NameInfoOptions& options = {});

// The errors of name resolution. Its name() is "getaddrinfo", its messages are the system's own. Python:
// socket.gaierror.
const std::error_category& resolve_category() noexcept;

}  // namespace asyncio::inline ASYNCIO_ABI
