// SPDX-License-Identifier: MIT
#include "tests/structured/outliving.h"

#include <asyncio/server.h>
#include <asyncio/stream.h>

#include "tests/net/sockets.h"

#include <stdexcept>

// Connections and servers that a program keeps after their loop has gone.

using namespace outliving_test;
using namespace asyncio::testing;

namespace {

const std::string not_connected = ": " + std::make_error_code(std::errc::not_connected).message();
const std::string closed =
    "drain: the connection is closed: " + std::make_error_code(std::errc::connection_reset).message();

// What holds once the loop has gone; while that is being closed nobody asks.
void must(bool holds) {
  if (!holds) throw std::logic_error("does not hold");
}

// In a loop of its own.
template <class F>
void in_another_loop(F f) {
  run([&f]() -> Coro<> { co_await f(); });
}

void use_connection(const std::shared_ptr<Connection>& connection, Afterwards& after) {
  after("at_eof", [connection] { static_cast<void>(connection->reader.at_eof()); });
  after("limit", [connection] { must(connection->reader.limit() == 64u * 1024); });
  after("is_closing", [connection] { must(connection->writer.is_closing()); });
  after("get_extra_info", [connection] { must(connection->writer.get_extra_info("peername").index() == 0u); });
  after("peername", [connection] { static_cast<void>(connection->writer.peername()); }, "peername" + not_connected);
  after("fileno", [connection] { static_cast<void>(connection->writer.fileno()); }, "fileno" + not_connected);
  after("write", [connection] { connection->writer.write("nobody reads it"); });
  after("a cork", [connection] {
    const StreamWriter::Cork cork(connection->writer);
    connection->writer.write("nor this");
  });
  after("get_write_buffer_size", [connection] { must(connection->writer.get_write_buffer_size() == 0u); });
  after("set_write_buffer_limits", [connection] { connection->writer.set_write_buffer_limits(20, 10); });
  after("write_eof", [connection] { connection->writer.write_eof(); });
  after("drain", [connection] { in_another_loop([&]() -> Coro<> { co_await connection->writer.drain(); }); }, closed);
  after("unread", [connection] { connection->reader.unread("put back"); });
  after("read", [connection] {
    in_another_loop([&]() -> Coro<> { must(co_await connection->reader.read(100) == "put back"); });
  });
  after("read to the end",
        [connection] { in_another_loop([&]() -> Coro<> { must(co_await connection->reader.read() == ""); }); });
  after("close", [connection] { connection->writer.close(); });
  after("abort", [connection] { connection->writer.abort(); });
  after("wait_closed",
        [connection] { in_another_loop([&]() -> Coro<> { co_await connection->writer.wait_closed(); }); });
  after("the writer goes", [connection] { const StreamWriter writer = std::move(connection->writer); });
  after("the reader goes", [connection] { const StreamReader reader = std::move(connection->reader); });
}

Coro<Server> serve(detail::UniqueFd listener) {
  return start_server([](StreamReader reader, StreamWriter) -> Coro<> { co_await reader.read(); },
                      {.socket = listener.release()});
}

const Row rows[] = {
    {"a connection over a socket",
     [](Afterwards& after) -> Coro<> {
       SocketPair sockets = unix_sockets();
       auto connection = std::make_shared<Connection>(adopt(std::move(sockets.first)));
       use_connection(connection, after);
       after("the peer goes",
             [peer = std::make_shared<detail::UniqueFd>(std::move(sockets.second))] { peer->reset(); });
       co_await sleep(1h);
     }},
    {"a connection in memory",
     [](Afterwards& after) -> Coro<> {
       StreamPair pair = make_stream_pair();
       auto connection = std::make_shared<Connection>(std::move(pair.first));
       use_connection(connection, after);
       after("the other end goes", [other = std::make_shared<Connection>(std::move(pair.second))] {
         const Connection gone = std::move(*other);
       });
       co_await sleep(1h);
     }},
    {"a connection in whose read a task waits",
     [](Afterwards& after) -> Coro<> {
       StreamPair pair = make_stream_pair();
       auto connection = std::make_shared<Connection>(std::move(pair.first));
       use_connection(connection, after);
       auto other = std::make_shared<Connection>(std::move(pair.second));
       after("the other end closes", [other] { other->writer.close(); });
       static_cast<void>(co_await connection->reader.read());
     }},
    {"awaiters of a connection that nobody awaited",
     [](Afterwards& after) -> Coro<> {
       StreamPair pair = make_stream_pair();
       auto connection = std::make_shared<Connection>(std::move(pair.first));
       auto read = std::make_shared<detail::ReadString>(connection->reader.read(1));
       auto drain = std::make_shared<detail::Drain>(connection->writer.drain());
       after("the connection goes", [connection] { const Connection gone = std::move(*connection); });
       after("the awaiters go", [read, drain]() mutable { read.reset(), drain.reset(); });
       co_await sleep(1h);
     }},
    {"Server and ListeningSocket",
     [](Afterwards& after) -> Coro<> {
       detail::UniqueFd listener = plain_listener();
       auto client = std::make_shared<detail::UniqueFd>(plain_client(port_of(listener)));
       auto server = std::make_shared<Server>(co_await serve(std::move(listener)));
       const ListeningSocket socket = server->sockets().front();
       after("getsockname", [socket] { must(socket.getsockname().port() != 0); });
       after("is_serving", [server] { must(!server->is_serving()); });
       after("sockets", [server] { must(server->sockets().empty()); });
       after("port", [server] { static_cast<void>(server->port()); }, "the server is closed, and has no port");
       after("close", [server] { server->close(); });
       after("close_clients", [server] { server->close_clients(); });
       after("abort_clients", [server] { server->abort_clients(); });
       after(
           "start_serving", [server] { in_another_loop([&] { return server->start_serving(); }); },
           "the server is closed");
       after(
           "serve_forever", [server] { in_another_loop([&] { return server->serve_forever(); }); },
           "the server is closed");
       after("wait_closed", [server] { in_another_loop([&] { return server->wait_closed(); }); });
       after("the client goes", [client] { client->reset(); });
       co_await sleep(1h);
     }},
    {"serve_forever()",
     [](Afterwards& after) -> Coro<> {
       auto server = std::make_shared<Server>(co_await serve(plain_listener()));
       after("dropped", [server] { const Server gone = std::move(*server); });
       co_await server->serve_forever();
     }},
};

TEST(Outliving, connections_and_servers) { check(rows); }

}  // namespace
