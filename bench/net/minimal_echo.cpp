// SPDX-License-Identifier: MIT
#include <asyncio/run.h>
#include <asyncio/server.h>

#include <string>

// The smallest echo server: what it takes to compile it is measured. peers/asio_echo_coroutine.cpp does the same work.

using namespace asyncio;

Coro<> echo(StreamReader reader, StreamWriter writer) {
  while (true) {
    std::string data = co_await reader.read(16 * 1024);
    if (data.empty()) co_return;
    writer.write(data);
    co_await writer.drain();
  }
}

Coro<> async_main() {
  auto server = co_await start_server(echo, "127.0.0.1", 8888);
  co_await server.serve_forever();
}

int main() { return run(async_main()); }
