// SPDX-License-Identifier: MIT
#include <sys/resource.h>

#include <boost/asio.hpp>
#include <cstdlib>
#include <memory>

// Echo server on Boost.Asio's callbacks: asio_echo_callback PORT.

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;

class Session : public std::enable_shared_from_this<Session> {
 public:
  explicit Session(Socket socket) : socket_(std::move(socket)) {}

  void read() {
    socket_.async_read_some(asio::buffer(buffer_), [self = shared_from_this()](error_code error, std::size_t count) {
      if (!error) self->write(count);
    });
  }

 private:
  void write(std::size_t count) {
    asio::async_write(socket_, asio::buffer(buffer_, count),
                      [self = shared_from_this()](error_code error, std::size_t) {
                        if (!error) self->read();
                      });
  }

  Socket socket_;
  char buffer_[16 * 1024];
};

static void accept(Acceptor& acceptor) {
  acceptor.async_accept([&](error_code error, Socket socket) {
    if (!error) {
      socket.set_option(tcp::no_delay(true));
      std::make_shared<Session>(std::move(socket))->read();
    }
    accept(acceptor);
  });
}

int main(int, char** arguments) {
  rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  asio::io_context context(1);
  Acceptor acceptor(context.get_executor(),
                    {asio::ip::address_v4::loopback(), static_cast<unsigned short>(std::atoi(arguments[1]))});
  acceptor.listen(4096);
  accept(acceptor);
  context.run();
}
