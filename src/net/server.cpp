// SPDX-License-Identifier: MIT
#include <asyncio/server.h>

#include "base/system_error.h"
#include "loop/report.h"
#include "net/resolve.h"
#include "net/server_state.h"
#include "net/socket.h"

#include <netinet/in.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

// --- Server

Server::Server(ServerState& state) noexcept : state_(&state) { state.retain(); }

Server::~Server() {
  if (state_ == nullptr) return;
  state_->close();
  state_->release();
}

namespace {

Coro<> start_serving_now(ServerRef state) {
  require_own_thread(&core_of(state->loop()), "Server.start_serving");
  state->listen();
  co_return;
}

// What the handlers refer to may go with the exception that goes on after this.
Coro<> end_handlers(ServerState& state) {
  state.close();
  if (!state.cancel_handlers()) co_return;
  while (state.has_handlers()) co_await state.until_cancelled_handlers_end();
}

Coro<> leave(ServerRef state, bool normally) {
  require_own_thread(&core_of(state->loop()), "Server.exit");
  state->close();
  std::exception_ptr cancel;
  if (normally) {
    try {
      co_await state->until_empty();
      // A connection may go before its handler has noticed.
      while (state->has_handlers()) co_await state->until_handlers_end();
      co_return;
    } catch (...) {
      cancel = std::current_exception();
    }
  }
  co_await end_handlers(*state);
  if (cancel != nullptr) std::rethrow_exception(cancel);
}

Coro<> serve(ServerRef state) {
  require_own_thread(&core_of(state->loop()), "Server.serve_forever");
  const ServerState::ServingForever serving(*state);
  state->listen();
  std::exception_ptr cancel;
  try {
    co_await state->until_closed_or_cancelled();
  } catch (...) {
    cancel = std::current_exception();
  }
  co_await leave(ServerRef(*state), cancel == nullptr);
  if (cancel == nullptr) throw CancelledError("the server was closed");
  std::rethrow_exception(cancel);
}

Coro<> wait_for_connections(ServerRef state) {
  require_own_thread(&core_of(state->loop()), "Server.wait_closed");
  co_await state->until_closed();
  co_await state->until_empty();
}

Coro<Server&> itself(Server& server) { co_return server; }

void set_option(int fd, int level, int option, const char* name) {
  const int on = 1;
  if (::setsockopt(fd, level, option, &on, sizeof on) != 0) throw_errno(name);
}

void bind_to(int fd, const SocketAddress& address, const ServerOptions& options) {
  if (options.reuse_address) set_option(fd, SOL_SOCKET, SO_REUSEADDR, "SO_REUSEADDR");
  if (options.reuse_port) set_option(fd, SOL_SOCKET, SO_REUSEPORT, "SO_REUSEPORT");
  if (options.keep_alive) set_option(fd, SOL_SOCKET, SO_KEEPALIVE, "SO_KEEPALIVE");  // accepted sockets inherit it
  if (address.family() == AF_INET6) set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, "IPV6_V6ONLY");
  if (::bind(fd, address.get(), address.length) != 0) throw_errno("bind " + to_string(to_address(address)));
}

Coro<std::vector<SocketAddress>> resolve_all(std::vector<std::string> hosts, std::uint16_t port) {
  std::vector<SocketAddress> all;
  for (const std::string& host : hosts) {
    const std::vector<SocketAddress> found = co_await resolve_stream(host, port, true);
    for (const SocketAddress& address : found) {
      if (std::find(all.begin(), all.end(), address) == all.end()) all.push_back(address);
    }
  }
  co_return all;
}

Coro<Server> start_tcp(ConnectionHandler handler, std::vector<std::string> hosts, std::uint16_t port,
                       ServerOptions options) {
  EventLoop& loop = get_running_loop();
  Server server(*new ServerState(loop, std::move(handler), options));
  const std::vector<SocketAddress> addresses = co_await resolve_all(std::move(hosts), port);
  std::exception_ptr last;
  bool any = false;
  for (const SocketAddress& address : addresses) {
    try {
      UniqueFd fd = make_socket(address.family(), SOCK_STREAM);
      bind_to(fd.get(), address, options);
      server_state(server).add(std::move(fd));
      any = true;
    } catch (const std::system_error& error) {
      // A family or an address that this machine does not have; every other error ends it, and undoes the rest.
      const int code = error.code().value();
      if (code != EADDRNOTAVAIL && code != EAFNOSUPPORT) throw;
      last = std::current_exception();
      if (loop.get_debug()) report(&core_of(loop), {.message = "the server skips an address", .exception = last});
    }
  }
  if (last != nullptr && !any) std::rethrow_exception(last);
  if (!any) throw ValueError("start_server(): there is no host to listen at");
  if (options.start_serving) server_state(server).listen();
  co_return server;
}

// Bound sockets leave their file behind: only anything else that has the name makes bind() fail.
void remove_stale_socket(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) ::unlink(path.c_str());
}

Coro<Server> start_unix(ConnectionHandler handler, std::string path, ServerOptions options) {
  const SocketAddress address = SocketAddress::of_unix(path);
  Server server(*new ServerState(get_running_loop(), std::move(handler), options));
  ServerState& state = server_state(server);
  UniqueFd fd = make_socket(AF_UNIX, SOCK_STREAM);
  const bool abstract = path.front() == '\0';
  if (!abstract) remove_stale_socket(path);
  if (::bind(fd.get(), address.get(), address.length) != 0) throw_errno("bind '" + path_text(path) + "'");
  state.add(std::move(fd));
  if (!abstract && options.cleanup_socket) state.owns_path(path);
  if (!abstract && options.mode != 0 && ::chmod(path.c_str(), options.mode) != 0) throw_errno("chmod '" + path + "'");
  if (options.start_serving) state.listen();
  co_return server;
}

Coro<Server> start_adopted(ConnectionHandler handler, UniqueFd socket, ServerOptions options) {
  Server server(*new ServerState(get_running_loop(), std::move(handler), options));
  adopt_socket(socket.get(), SocketUse::listening);
  server_state(server).add(std::move(socket));
  if (options.start_serving) server_state(server).listen();
  co_return server;
}

// Takes the socket of the options, and throws where it has no place there.
void refuse_socket(const ServerOptions& options) {
  if (options.socket < 0) return;
  const UniqueFd taken(options.socket);
  throw ValueError("start_server(): there is an address, and a socket too");
}

}  // namespace

ServerState& Server::state() const {
  if (state_ == nullptr) throw RuntimeError("this Server is of no use: it was moved from");
  return *state_;
}

Coro<> Server::start_serving() { return start_serving_now(ServerRef(state())); }
Coro<> Server::serve_forever() { return serve(ServerRef(state())); }
bool Server::is_serving() const { return state().serving(); }
void Server::close() {
  require_own_thread(&core_of(state().loop()), "Server.close");
  state().close();
}

void Server::close_clients() {
  require_own_thread(&core_of(state().loop()), "Server.close_clients");
  state().end_clients(false);
}

void Server::abort_clients() {
  require_own_thread(&core_of(state().loop()), "Server.abort_clients");
  state().end_clients(true);
}

Coro<> Server::wait_closed() { return wait_for_connections(ServerRef(state())); }
Coro<Server&> Server::enter() {
  state();
  return itself(*this);
}
Coro<> Server::exit(std::exception_ptr error) { return leave(ServerRef(state()), error == nullptr); }
std::vector<ListeningSocket> Server::sockets() const { return state().sockets(); }

std::uint16_t Server::port() const {
  const std::vector<ListeningSocket> all = sockets();
  if (all.empty()) throw RuntimeError("the server is closed, and has no port");
  return all.front().getsockname().port();
}

Coro<Server> start_server(ConnectionHandler handler, std::string_view host, int port, const ServerOptions& options) {
  refuse_socket(options);
  return start_tcp(std::move(handler), {std::string(host)}, require_port(port), options);
}

Coro<Server> start_server(ConnectionHandler handler, const std::vector<std::string>& hosts, int port,
                          const ServerOptions& options) {
  refuse_socket(options);
  return start_tcp(std::move(handler), hosts, require_port(port), options);
}

Coro<Server> start_server(ConnectionHandler handler, const ServerOptions& options) {
  UniqueFd socket(options.socket);
  if (!socket) throw ValueError("start_server(): there is no address, and no socket");
  return start_adopted(std::move(handler), std::move(socket), options);
}

Coro<Server> start_unix_server(ConnectionHandler handler, std::string_view path, const ServerOptions& options) {
  refuse_socket(options);
  return start_unix(std::move(handler), std::string(path), options);
}

}  // namespace asyncio::inline ASYNCIO_ABI
