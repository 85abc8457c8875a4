// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include <cstdlib>
#include <iostream>
#include <string>

using namespace asyncio;
using namespace std::chrono_literals;

// Sends a message to the echo server, and prints what comes back.
Coro<> tcp_echo_client(std::string message, int port) {
  auto connection = co_await open_connection("127.0.0.1", port);

  std::cout << "Send: " << message << '\n';
  connection.writer.write(message);
  co_await connection.writer.drain();

  std::string data = co_await connection.reader.read(100);
  std::cout << "Received: " << data << '\n';

  std::cout << "Closing the connection\n";
  connection.writer.close();
  co_await connection.writer.wait_closed();
}

// asyncio_module_echo_client [port]
int main(int argc, char** argv) {
  const int port = argc > 1 ? std::atoi(argv[1]) : 8888;
  return run(tcp_echo_client("Hello, World!", port));
}
