// SPDX-License-Identifier: MIT
// Sends what is typed, line by line, and prints what comes back. echo_client [--host 127.0.0.1] [--port 8888]
#include <asyncio/asyncio.h>

#include "arguments.h"

#include <iostream>
#include <optional>
#include <string>

using namespace asyncio;

// Reading the terminal blocks, and so it is done in a thread.
std::optional<std::string> read_line() {
  std::string line;
  if (!std::getline(std::cin, line)) return std::nullopt;
  return line;
}

Coro<> async_main(std::string host, int port) {
  auto connection = co_await open_connection(host, port);
  while (auto line = co_await to_thread(abandon_on_cancel, read_line)) {
    connection.writer.write(*line + "\n");
    co_await connection.writer.drain();
    std::string answer = co_await connection.reader.readline();
    if (answer.empty()) break;  // the server has closed the connection
    std::cout << answer << std::flush;
  }
  connection.writer.close();
  co_await connection.writer.wait_closed();
}

int main(int argc, char** argv) {
  const Arguments arguments(argc, argv, {{"host", "127.0.0.1"}, {"port", "8888"}});
  try {
    return run(async_main(arguments.text("host"), arguments.port()));
  } catch (const std::exception& error) {
    std::cerr << "echo_client: " << error.what() << std::endl;
    return 1;
  }
}
