// SPDX-License-Identifier: MIT
// Sends every line back. echo_server [--host 127.0.0.1] [--port 8888]; Ctrl-C ends it.
#include <asyncio/asyncio.h>

#include "arguments.h"

#include <iostream>

using namespace asyncio;

Coro<> echo(StreamReader reader, StreamWriter writer) {
  while (auto line = co_await reader.next_line()) {
    writer.write(*line);
    co_await writer.drain();
  }
}

Coro<> async_main(std::string host, int port) {
  auto server = co_await start_server(echo, host, port);
  for (const ListeningSocket& socket : server.sockets()) {
    std::cout << "Serving on " << to_string(socket.getsockname()) << std::endl;
  }
  co_await server.serve_forever();
}

int main(int argc, char** argv) {
  const Arguments arguments(argc, argv, {{"host", "127.0.0.1"}, {"port", "8888"}});
  try {
    return run(async_main(arguments.text("host"), arguments.port()));
  } catch (const std::exception& error) {
    std::cerr << "echo_server: " << error.what() << std::endl;
    return 1;
  }
}
