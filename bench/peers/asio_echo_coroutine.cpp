// SPDX-License-Identifier: MIT
#include <sys/resource.h>

#include <boost/asio.hpp>
#include <cstdlib>
#include <memory>

// Echo server on Boost.Asio's coroutines: asio_echo_coroutine PORT.

namespace asio = boost::asio;
using asio::ip::tcp;
using Executor = asio::io_context::executor_type;
using Token = asio::use_awaitable_t<Executor>;
using Socket = asio::basic_stream_socket<tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;
constexpr auto token = asio::as_tuple(Token{});
constexpr std::size_t buffer_size = 16 * 1024;

asio::awaitable<void, Executor> echo(Socket socket) {
  const std::unique_ptr<char[]> buffer(new char[buffer_size]);
  while (true) {
    auto [read_error, count] = co_await socket.async_read_some(asio::buffer(buffer.get(), buffer_size), token);
    if (read_error) co_return;
    auto [write_error, written] = co_await asio::async_write(socket, asio::buffer(buffer.get(), count), token);
    if (write_error) co_return;
  }
}

asio::awaitable<void, Executor> serve(asio::io_context& context, unsigned short port) {
  Acceptor acceptor(context.get_executor(), {asio::ip::address_v4::loopback(), port});
  acceptor.listen(4096);
  while (true) {
    Socket socket = co_await acceptor.async_accept(Token{});
    socket.set_option(tcp::no_delay(true));
    asio::co_spawn(context.get_executor(), echo(std::move(socket)), asio::detached);
  }
}

int main(int, char** arguments) {
  rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  asio::io_context context(1);
  asio::co_spawn(context.get_executor(), serve(context, static_cast<unsigned short>(std::atoi(arguments[1]))),
                 asio::detached);
  context.run();
}
