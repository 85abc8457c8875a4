// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include <cstdlib>
#include <iostream>
#include <string>

using namespace asyncio;
using namespace std::chrono_literals;

// Reads a message from each client, sends it back, and closes. Ctrl-C ends it.
Coro<> handle_client(StreamReader reader, StreamWriter writer) {
  std::string message = co_await reader.read(100);
  std::cout << "Received " << message << " from " << to_string(writer.peername()) << std::endl;

  std::cout << "Send: '" << message << "'" << std::endl;
  writer.write(message);
  co_await writer.drain();

  std::cout << "Closing the connection" << std::endl;
  writer.close();
  co_await writer.wait_closed();
}

Coro<> async_main(int port) {
  auto server = co_await start_server(handle_client, "127.0.0.1", port);
  std::cout << "Serving on " << to_string(server.sockets()[0].getsockname()) << std::endl;
  co_await server.serve_forever();
}

// asyncio_module_echo_server [port]
int main(int argc, char** argv) {
  const int port = argc > 1 ? std::atoi(argv[1]) : 8888;
  return run(async_main(port));
}
