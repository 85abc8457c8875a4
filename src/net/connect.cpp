// SPDX-License-Identifier: MIT
#include <asyncio/exception_group.h>
#include <asyncio/lowlevel/wait_queue.h>
#include <asyncio/stream.h>

#include "base/names.h"
#include "base/system_error.h"
#include "net/resolve.h"
#include "net/socket.h"
#include "net/stream_transport.h"

#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <exception>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

namespace {

// A descriptor of whose edges one task waits for some; a wait for the kernel, for as long as it lives.
class Watching final : public lowlevel::WatchedFd {
 public:
  Watching(EventLoop& loop, int fd, std::uint8_t wanted) : WatchedFd(fd), state_(loop.state()), wanted_(wanted) {
    watch(loop);
    ++state_.outside_work;
  }
  ~Watching() {
    --state_.outside_work;
    unwatch();
  }

  void ready(std::uint8_t readiness) noexcept override {
    if ((readiness & wanted_) != 0) waiters_.wake_all();
  }

  class Wait : public QueuedWaiter {
   public:
    explicit Wait(Watching& owner) : QueuedWaiter(owner.waiters_, kind) {}

   private:
    static constexpr WaitKind kind = WaitQueue::kind("connect");
  };
  Wait wait() { return Wait(*this); }

 private:
  EventLoop::State& state_;
  WaitQueue waiters_;
  std::uint8_t wanted_;
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

// Binds to the first of the local addresses that can be had; `locals` is empty where any will do.
void bind_to_one_of(int fd, int family, const std::vector<SocketAddress>& locals) {
  if (locals.empty()) return;
  int error = EADDRNOTAVAIL;
  std::string what = "bind: there is no local address of the family of the peer's";
  for (const SocketAddress& local : locals) {
    if (local.family() != family) continue;
    if (::bind(fd, local.get(), local.length) == 0) return;
    error = errno;
    what = "bind " + address_text(local);
  }
  throw_system_error(error, what);
}

// Waits, on the system's clock even where the loop's is a virtual one: for something that only the kernel knows of.
Coro<> pause(std::chrono::milliseconds duration) {
  const UniqueFd clock(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  const itimerspec time{.it_interval = {}, .it_value = {0, duration.count() * 1'000'000}};
  if (!clock || ::timerfd_settime(clock.get(), 0, &time, nullptr) != 0) throw_errno("timerfd");
  Watching watching(get_running_loop(), clock.get(), Watching::can_read);
  co_await watching.wait();
}

// Where the listener's backlog is full a Unix socket says so at once, and nobody tells when there is room: so it is
// tried again and again, as the kernel does with TCP. Nor does an attempt go on that a signal has interrupted.
Coro<> connect_unix(int fd, const SocketAddress& address) {
  constexpr std::chrono::milliseconds longest(64);
  for (std::chrono::milliseconds wait(1); ::connect(fd, address.get(), address.length) != 0;) {
    const int error = errno;
    if (error == EINTR) continue;
    if (error != EAGAIN) throw_system_error(error, "connect to " + address_text(address));
    co_await pause(wait);
    wait = std::min(wait * 2, longest);
  }
}

Coro<> connect_tcp(int fd, const SocketAddress& address) {
  if (::connect(fd, address.get(), address.length) == 0) co_return;
  const int error = errno;  // interrupted by a signal, it goes on by itself
  if (error != EINPROGRESS && error != EINTR) throw_system_error(error, "connect to " + address_text(address));
  // A socket that was just made is told as hung up: only a connected or a refused one is writable and has a peer or an
  // error, so that it is looked at again.
  Watching watching(get_running_loop(), fd, Watching::can_write | Watching::failed);
  for (;;) {
    co_await watching.wait();
    if (const int failure = pending_error(fd)) throw_system_error(failure, "connect to " + address_text(address));
    if (is_connected(fd)) co_return;
  }
}

Coro<UniqueFd> connect_socket(const SocketAddress& address, const std::vector<SocketAddress>& locals) {
  UniqueFd fd = make_socket(address.family(), SOCK_STREAM);
  bind_to_one_of(fd.get(), address.family(), locals);
  if (address.family() == AF_UNIX) {
    co_await connect_unix(fd.get(), address);
  } else {
    co_await connect_tcp(fd.get(), address);
  }
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
      text += (code ? "; " : ": ") + what_of(e);
      code = e.code();
    }
  }
  throw_system_error(code.value(), text);
}

Coro<Connection> open_tcp(std::string host, std::uint16_t port, std::string local_host, std::uint16_t local_port,
                          lowlevel::ConnectionOptions options, bool all_errors) {
  require_limit(options.limit);
  const std::vector<SocketAddress> addresses = co_await resolve_stream(host, port, false);
  std::vector<SocketAddress> locals;
  if (!local_host.empty() || local_port != 0) locals = co_await resolve_stream(local_host, local_port, true);
  std::vector<std::exception_ptr> errors;
  for (const SocketAddress& address : addresses) {
    try {
      UniqueFd fd = co_await connect_socket(address, locals);
      co_return connection_of(*new SocketStream(get_running_loop(), std::move(fd), options));
    } catch (const std::system_error&) {
      errors.push_back(std::current_exception());
    }
  }
  if (errors.empty()) throw_system_error(EADDRNOTAVAIL, "connect to " + host);
  throw_errors(errors, all_errors);
}

Coro<Connection> open_unix(std::string path, lowlevel::ConnectionOptions options) {
  require_limit(options.limit);
  const SocketAddress address = SocketAddress::of_unix(path);
  const std::vector<SocketAddress> no_locals;
  UniqueFd fd = co_await connect_socket(address, no_locals);
  co_return connection_of(*new SocketStream(get_running_loop(), std::move(fd), options));
}

Coro<Connection> open_adopted(UniqueFd fd, lowlevel::ConnectionOptions options) {
  require_limit(options.limit);
  adopt_socket(fd.get(), SocketUse::connected);
  co_return connection_of(*new SocketStream(get_running_loop(), std::move(fd), options));
}

// Takes the socket of the options, and throws where it has no place there.
void refuse_socket(const StreamOptions& options) {
  if (options.socket < 0) return;
  const UniqueFd taken(options.socket);
  throw ValueError("open_connection(): there is an address, and a socket too");
}

}  // namespace

Coro<Connection> open_connection(const StreamOptions& options) {
  UniqueFd socket(options.socket);
  if (!socket) throw ValueError("open_connection(): there is no address, and no socket");
  if (!options.local_host.empty() || options.local_port != 0) {
    throw ValueError("open_connection(): a socket that is connected has its local address");
  }
  return open_adopted(std::move(socket), {options.limit, options.close_timeout});
}

Coro<Connection> open_connection(std::string_view host, int port, const StreamOptions& options) {
  refuse_socket(options);
  return open_tcp(std::string(host), require_port(port), std::string(options.local_host),
                  require_port(options.local_port), {options.limit, options.close_timeout}, options.all_errors);
}

Coro<Connection> open_unix_connection(std::string_view path, const StreamOptions& options) {
  refuse_socket(options);
  return open_unix(std::string(path), {options.limit, options.close_timeout});
}

}  // namespace asyncio::inline ASYNCIO_ABI
