// SPDX-License-Identifier: MIT
#include "net/resolve.h"

#include <asyncio/address.h>
#include <asyncio/error.h>
#include <asyncio/executor.h>

#include "base/system_error.h"

#include <netdb.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

// Every lookup is first tried with the flags that forbid one: a literal address with a numeric port is answered without
// waiting for anything, and EAI_NONAME says that a thread has to ask.

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

namespace {

class ResolveCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "getaddrinfo"; }
  std::string message(int code) const override { return ::gai_strerror(code); }
};

// What a lookup asks for; owned, because it travels to a thread.
struct Question {
  std::string host;     // empty: null
  std::string service;  // empty: null
  addrinfo hints{};     // without pointers
};

struct Answer {
  SocketAddress address;
  int type;
  int protocol;
  std::string canonical_name;
};

[[noreturn]] void throw_resolve_error(int code, const std::string& what) {
  if (code == EAI_SYSTEM) throw_errno(what);
  throw std::system_error(code, resolve_category(), what);
}

std::string what_was_asked(const Question& question) {
  return "getaddrinfo('" + question.host + "', '" + question.service + "')";
}

// Nothing where the host or the service is a name, and names are not to be looked up.
std::optional<std::vector<Answer>> ask(const Question& question, bool look_up) {
  addrinfo hints = question.hints;
  if (!look_up) hints.ai_flags |= AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int code = ::getaddrinfo(question.host.empty() ? nullptr : question.host.c_str(),
                                 question.service.empty() ? nullptr : question.service.c_str(), &hints, &list);
  if (code == EAI_NONAME && !look_up) return std::nullopt;
  if (code != 0) throw_resolve_error(code, what_was_asked(question));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, ::freeaddrinfo);
  std::vector<Answer> answers;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    Answer& answer = answers.emplace_back();
    std::memcpy(&answer.address.storage, entry->ai_addr, entry->ai_addrlen);
    answer.address.length = entry->ai_addrlen;
    answer.type = entry->ai_socktype;
    answer.protocol = entry->ai_protocol;
    if (entry->ai_canonname != nullptr) answer.canonical_name = entry->ai_canonname;
  }
  return answers;
}

Coro<std::vector<Answer>> find(Question question) {
  if (std::optional<std::vector<Answer>> literal = ask(question, false)) co_return std::move(*literal);
  EventLoop& loop = get_running_loop();
  Future<std::vector<Answer>> found = loop.run_in_executor(
      loop.resolver(), [](const Question& asked) { return *ask(asked, true); }, std::move(question));
  co_return co_await std::move(found);
}

std::string owned(std::string_view text, const char* what) {
  if (text.find('\0') != std::string_view::npos) throw ValueError(std::string(what) + " has a NUL byte");
  return std::string(text);
}

addrinfo hints_of(const ResolveOptions& options) {
  addrinfo hints{};
  hints.ai_family = options.family == AddressFamily::ipv4   ? AF_INET
                    : options.family == AddressFamily::ipv6 ? AF_INET6
                                                            : AF_UNSPEC;
  hints.ai_socktype = options.type == SocketType::stream     ? SOCK_STREAM
                      : options.type == SocketType::datagram ? SOCK_DGRAM
                                                             : 0;
  if (options.passive) hints.ai_flags |= AI_PASSIVE;
  if (options.numeric_host) hints.ai_flags |= AI_NUMERICHOST;
  if (options.canonical_name) hints.ai_flags |= AI_CANONNAME;
  if (options.address_configured) hints.ai_flags |= AI_ADDRCONFIG;
  return hints;
}

NameInfo name_of(const SocketAddress& address, int flags) {
  char host[NI_MAXHOST];
  char service[NI_MAXSERV];
  const int code = ::getnameinfo(address.get(), address.length, host, sizeof host, service, sizeof service, flags);
  if (code != 0) throw_resolve_error(code, "getnameinfo");
  return {host, service};
}

AddressInfo info_of(const Answer& answer) {
  AddressInfo info;
  info.family = answer.address.family() == AF_INET ? AddressFamily::ipv4 : AddressFamily::ipv6;
  info.type = answer.type == SOCK_STREAM  ? SocketType::stream
              : answer.type == SOCK_DGRAM ? SocketType::datagram
                                          : SocketType::any;
  info.protocol = answer.protocol;
  info.canonical_name = answer.canonical_name;
  // With its scope: "fe80::1%eth0", which inet_ntop() leaves out.
  NameInfo text = name_of(answer.address, NI_NUMERICHOST | NI_NUMERICSERV);
  info.address = Address(std::move(text.host), static_cast<std::uint16_t>(std::stoul(text.service)));
  return info;
}

Coro<std::vector<AddressInfo>> find_all(Question question) {
  const std::vector<Answer> answers = co_await find(std::move(question));
  std::vector<AddressInfo> infos;
  infos.reserve(answers.size());
  for (const Answer& answer : answers) infos.push_back(info_of(answer));
  co_return infos;
}

Coro<NameInfo> find_name(std::string host, std::string port, int flags) {
  Question question{std::move(host), std::move(port)};
  question.hints.ai_socktype = SOCK_STREAM;
  const std::optional<std::vector<Answer>> literal = ask(question, false);
  if (!literal) throw_resolve_error(EAI_NONAME, "getnameinfo('" + question.host + "')");
  const SocketAddress address = literal->front().address;
  constexpr int nothing_to_look_up = NI_NUMERICHOST | NI_NUMERICSERV;
  if ((flags & nothing_to_look_up) == nothing_to_look_up) co_return name_of(address, flags);
  EventLoop& loop = get_running_loop();
  Future<NameInfo> name = loop.run_in_executor(loop.resolver(), name_of, address, flags);
  co_return co_await std::move(name);
}

}  // namespace

const std::error_category& resolve_category() noexcept {
  // Never destroyed: an exception that is on its way when the program ends refers to it.
  static const ResolveCategory& category = *new ResolveCategory;
  return category;
}

std::uint16_t detail::require_port(int port) {
  if (port < 0 || port > 65535) throw ValueError("a port is 0 to 65535, not " + std::to_string(port));
  return static_cast<std::uint16_t>(port);
}

Coro<std::vector<AddressInfo>> getaddrinfo(std::string_view host, int port, const ResolveOptions& options) {
  return getaddrinfo(host, std::to_string(require_port(port)), options);
}

Coro<std::vector<AddressInfo>> getaddrinfo(std::string_view host, std::string_view service,
                                           const ResolveOptions& options) {
  return find_all({owned(host, "the host"), owned(service, "the service"), hints_of(options)});
}

Coro<NameInfo> getnameinfo(const Address& address, const NameInfoOptions& options) {
  int flags = 0;
  if (options.numeric_host) flags |= NI_NUMERICHOST;
  if (options.numeric_service) flags |= NI_NUMERICSERV;
  if (options.name_required) flags |= NI_NAMEREQD;
  if (options.datagram) flags |= NI_DGRAM;
  return find_name(owned(address.host(), "the address"), std::to_string(address.port()), flags);
}

Coro<std::vector<SocketAddress>> detail::resolve_stream(std::string host, std::uint16_t port, bool passive) {
  Question question{owned(host, "the host"), std::to_string(port)};
  question.hints = hints_of({.passive = passive});
  const std::vector<Answer> answers = co_await find(std::move(question));
  std::vector<SocketAddress> addresses;
  addresses.reserve(answers.size());
  for (const Answer& answer : answers) addresses.push_back(answer.address);
  co_return addresses;
}

}  // namespace asyncio::inline ASYNCIO_ABI
