// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/chrono.h>
#include <asyncio/detail/callback.h>
#include <asyncio/stream.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI {

class Server;

namespace detail {

class ServerState;
ServerState& server_state(Server& server);

}  // namespace detail

// How a server listens.
struct ServerOptions {
  std::size_t limit = 64 * 1024;  // of a line, in bytes; 0 throws ValueError
  int backlog = 4096;             // connections that the kernel holds until they are accepted
  bool reuse_address = true;
  bool reuse_port = false;     // several sockets, one for each process or thread, share the port
  bool keep_alive = false;     // the kernel looks after idle connections, and ends those whose peer is gone
  bool start_serving = true;   // else start_serving() begins to listen
  bool cleanup_socket = true;  // of a Unix server: close() removes the file
  TimeLimit close_timeout = std::chrono::seconds(30);  // of each connection, see StreamWriter::close()
  int socket = -1;         // one that is bound or listening already: see start_server(handler, options)
  std::uint32_t mode = 0;  // of a Unix server's file, before anybody can connect; 0: what the umask leaves
};

// A listening socket, for getsockname().
class ListeningSocket {
 public:
  ListeningSocket(int fd, Address address) : fd_(fd), address_(std::move(address)) {}
  Address getsockname() const { return address_; }
  int fileno() const { return fd_; }

 private:
  int fd_;
  Address address_;
};

// What start_server() gives: listens until it is closed or destroyed.
//
//   Coro<> echo(StreamReader reader, StreamWriter writer) {
//     while (auto line = co_await reader.next_line()) {
//       writer.write(*line);
//       co_await writer.drain();
//     }
//   }
//   Coro<> async_main() {
//     auto server = co_await start_server(echo, "127.0.0.1", 8888);
//     co_await server.serve_forever();
//   }
//
// The handlers may refer to what lives around a serve_forever(), or around a block with(server, ...), however that
// ends: the handlers end first.
//
//   Coro<> async_main() {
//     Room room;
//     auto server = co_await start_server(
//         [&](StreamReader reader, StreamWriter writer) { return chat(room, std::move(reader), std::move(writer)); },
//         "127.0.0.1", 8889);
//     co_await with(server, [&]() -> Coro<> {
//       co_await announce(server.port());  // where this fails, too, every handler has ended when the room goes
//       co_await server.serve_forever();
//     });
//   }
//
// Each connection is a task of its own. An exception that leaves it is reported to the loop's exception handler, and
// its connection is closed; a cancelled task closes it silently. A handler that returns closes its connection too,
// since the writer goes with it, unless it has moved that elsewhere.
// Where the process has no file descriptor left the server reports it, accepts nothing for a second, and goes on.
// Destroying a server closes it; its handlers run on, and keep the callable that they come from, but nothing else: what
// it refers to has to outlive them.
// Movable, and then of no use: each call throws RuntimeError. For its loop's thread. Python: asyncio.Server.
class [[nodiscard]] Server {
 public:
  explicit Server(detail::ServerState& state) noexcept;  // takes a reference
  Server(Server&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  Server& operator=(Server&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~Server();

  // Begins to accept, where start_serving was false. Twice is once. Throws RuntimeError where the server is closed,
  // std::system_error where the system does not let it listen.
  Coro<> start_serving();

  // Accepts until it is cancelled: then the server is closed, each handler that runs is cancelled, and when the last
  // one has ended CancelledError goes on. A further cancel does not shorten that: it lands at the next wait of the
  // task. So a client that says nothing does not hold up Ctrl-C, but a handler that goes on after its cancel does. A
  // handler that had not begun never does; its connection is closed.
  // Where close() is called meanwhile it waits until every connection is gone and every handler has ended, and ends
  // with CancelledError too. A handler that calls it, and is cancelled, waits for no other.
  // Throws RuntimeError where another call runs, and where the server is closed.
  Coro<> serve_forever();

  bool is_serving() const;

  // Stops listening at once; connections live on. Twice is once.
  void close();
  // Closes every connection, after sending what is kept; or at once.
  void close_clients();
  void abort_clients();
  // Waits until close() was called and every connection is gone, which a client can delay for ever. To bound that:
  //   server.close();
  //   if (!co_await as_result(wait_for(server.wait_closed(), 30s))) server.abort_clients();
  Coro<> wait_closed();

  // For `with(server, body)`: closes at the end, and waits until every connection is gone and every handler has ended.
  // Where an exception or a cancel ends the body, or a cancel that waiting, it cancels the handlers and waits for them
  // alone, as serve_forever() does; then that exception goes on.
  Coro<Server&> enter();
  Coro<> exit(std::exception_ptr error);
  static constexpr bool exits_in_place = true;

  // The port of the first socket: which one the system chose, where it was asked for 0. Throws RuntimeError once
  // closed.
  std::uint16_t port() const;
  // The listening sockets; none once closed.
  std::vector<ListeningSocket> sockets() const;

 private:
  friend detail::ServerState& detail::server_state(Server& server);

  detail::ServerState& state() const;

  detail::ServerState* state_;  // null once moved from
};

namespace detail {

// What runs for each connection, with a copy of the context of start_server().
using ConnectionHandler = Callback<Coro<>(StreamReader, StreamWriter)>;

}  // namespace detail

// Listens for TCP connections, and runs handler(reader, writer) in a task for each. `host` is an address or a name; an
// empty one means all interfaces, IPv4 and IPv6 each with a socket of its own. Port 0 lets the system choose one for
// each socket. An address that this machine does not have is skipped. Throws std::system_error where nothing can be
// bound, or one of the addresses is in use, and leaves nothing bound then; its message names the address.
// Python: asyncio.start_server().
Coro<Server> start_server(detail::ConnectionHandler handler, std::string_view host, int port,
                          const ServerOptions& options = {});
// The same for several hosts.
Coro<Server> start_server(detail::ConnectionHandler handler, const std::vector<std::string>& hosts, int port,
                          const ServerOptions& options = {});

// The same over a stream socket that is bound already, of any family, and may be listening: what a service manager
// hands over (LISTEN_FDS; examples/socket_activation.cpp), or a process of before. `start_server(handler, {.socket =
// fd})`. It is the library's from the call on, and is closed also where this throws, or is never awaited. The file of a
// Unix socket stays where it is. ValueError for what is no stream socket, or is connected.
Coro<Server> start_server(detail::ConnectionHandler handler, const ServerOptions& options);

// The same for a Unix socket. A path that begins with a NUL byte is an abstract name. A socket file that is there
// already is replaced; close() removes the file, unless another has taken its place.
Coro<Server> start_unix_server(detail::ConnectionHandler handler, std::string_view path,
                               const ServerOptions& options = {});

}  // namespace asyncio::inline ASYNCIO_ABI
