// SPDX-License-Identifier: MIT
#include <asyncio/exception_group.h>
#include <asyncio/stream.h>
#include <asyncio/wait_queue.h>

#include "base/system_error.h"
#include "net/resolve.h"
#include "net/socket.h"
#include "net/socket_transport.h"

#include <cerrno>
#include <exception>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI {

namespace {

// A socket whose connect() is under way.
class Connecting final : public WatchedFd {
 public:
  Connecting(EventLoop& loop, int fd) : WatchedFd(fd), loop_(loop) { loop_.state().backend->watch(*this); }
  ~Connecting() { loop_.state().backend->unwatch(*this); }

  void ready(std::uint8_t readiness) noexcept override {
    // A socket that was just made is told as hung up: only a connected or a refused one is writable and has a peer or
    // an error, so that the waiter looks again.
    if ((readiness & (writable | failed)) != 0) waiters_.wake_all();
  }

  class Wait : public WaitQueue::Waiter {
   public:
    explicit Wait(Connecting& owner) : Waiter(owner.waiters_, kind) {}

   private:
    static constexpr WaitKind kind = WaitQueue::kind("connect");
  };
  Wait wait() { return Wait(*this); }

 private:
  EventLoop& loop_;
  WaitQueue waiters_;
};

// Counts a wait for the kernel, for as long as it lives.
class OutsideWork {
 public:
  explicit OutsideWork(EventLoop& loop) : state_(loop.state()) { ++state_.outside_work; }
  OutsideWork(const OutsideWork&) = delete;
  ~OutsideWork() { --state_.outside_work; }

 private:
  EventLoop::State& state_;
};

int pending_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

bool is_connected(int fd) {
  SocketAddress peer;
  return ::getpeername(fd, peer.get(), &peer.length) == 0;
}

// What the attempt is called in messages.
std::string text_of(const SocketAddress& address) {
  const Address where = to_address(address);
  return address.family() == AF_UNIX ? "'" + path_text(where.host()) + "'" : to_string(where);
}

// Binds to the first of the local addresses that can be had; `locals` is empty where any will do.
void bind_to_one_of(int fd, int family, const std::vector<SocketAddress>& locals) {
  if (locals.empty()) return;
  int error = EADDRNOTAVAIL;
  std::string what = "bind: there is no local address of the family of the peer's";
  for (const SocketAddress& local : locals) {
    if (local.family() != family) continue;
    if (::bind(fd, local.get(), local.length) == 0) return;
    error = errno;
    what = "bind " + text_of(local);
  }
  throw_system_error(error, what);
}

Coro<UniqueFd> connect_socket(const SocketAddress& address, const std::vector<SocketAddress>& locals) {
  EventLoop& loop = get_running_loop();
  UniqueFd fd = make_socket(address.family(), SOCK_STREAM);
  bind_to_one_of(fd.get(), address.family(), locals);
  if (::connect(fd.get(), address.get(), address.length) != 0) {
    if (errno != EINPROGRESS && errno != EINTR) throw_errno("connect to " + text_of(address));
    Connecting connecting(loop, fd.get());
    OutsideWork outside(loop);
    for (;;) {
      co_await connecting.wait();
      if (const int error = pending_error(fd.get())) throw_system_error(error, "connect to " + text_of(address));
      if (is_connected(fd.get())) break;
    }
  }
  set_no_delay(fd.get());
  co_return fd;
}

[[noreturn]] void throw_errors(const std::vector<std::exception_ptr>& errors, bool all) {
  if (all) throw ExceptionGroup("open_connection", errors);
  if (errors.size() == 1) std::rethrow_exception(errors.front());
  std::string text = "Multiple exceptions";
  std::error_code code;
  for (const std::exception_ptr& error : errors) {
    try {
      std::rethrow_exception(error);
    } catch (const std::system_error& e) {
      text += (code ? "; " : ": ") + std::string(e.what());
      code = e.code();
    }
  }
  throw_system_error(code.value(), text);
}

Coro<Connection> open_tcp(std::string host, std::uint16_t port, std::string local_host, std::uint16_t local_port,
                          std::size_t limit, bool all_errors) {
  require_limit(limit);
  const std::vector<SocketAddress> addresses = co_await resolve_stream(host, port, false);
  std::vector<SocketAddress> locals;
  if (!local_host.empty() || local_port != 0) locals = co_await resolve_stream(local_host, local_port, true);
  std::vector<std::exception_ptr> errors;
  for (const SocketAddress& address : addresses) {
    try {
      UniqueFd fd = co_await connect_socket(address, locals);
      co_return connection_of(*new SocketTransport(get_running_loop(), std::move(fd), limit));
    } catch (const std::system_error&) {
      errors.push_back(std::current_exception());
    }
  }
  if (errors.empty()) throw_system_error(EADDRNOTAVAIL, "connect to " + host);
  throw_errors(errors, all_errors);
}

Coro<Connection> open_unix(std::string path, std::size_t limit) {
  require_limit(limit);
  const SocketAddress address = SocketAddress::of_unix(path);
  const std::vector<SocketAddress> no_locals;
  UniqueFd fd = co_await connect_socket(address, no_locals);
  co_return connection_of(*new SocketTransport(get_running_loop(), std::move(fd), limit));
}

}  // namespace

Coro<Connection> open_connection(std::string_view host, int port, const StreamOptions& options) {
  return open_tcp(std::string(host), require_port(port), std::string(options.local_host),
                  require_port(options.local_port), options.limit, options.all_errors);
}

Coro<Connection> open_unix_connection(std::string_view path, const StreamOptions& options) {
  return open_unix(std::string(path), options.limit);
}

}  // namespace asyncio::inline ASYNCIO_ABI
