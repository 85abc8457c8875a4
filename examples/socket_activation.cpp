// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>

#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

// An echo server whose socket somebody else has opened: a service manager, which starts it when the first client comes.
//
//   systemd-socket-activate -l 8888 build/dev/examples/socket_activation
//
// The manager passes descriptors from 3 on, and says in the environment how many, and for which process.

using namespace asyncio;

std::vector<int> handed_over() {
  constexpr int first = 3;
  const char* const process = std::getenv("LISTEN_PID");
  const char* const count = std::getenv("LISTEN_FDS");
  std::vector<int> sockets;
  if (process == nullptr || count == nullptr || std::atol(process) != ::getpid()) return sockets;
  for (int i = 0; i < std::atoi(count); ++i) sockets.push_back(first + i);
  return sockets;
}

Coro<> echo(StreamReader reader, StreamWriter writer) {
  while (auto line = co_await reader.next_line()) {
    writer.write(*line);
    co_await writer.drain();
  }
  writer.close();
}

Coro<> serve(int socket) {
  Server server = co_await start_server(echo, {.socket = socket});
  for (const ListeningSocket& listening : server.sockets())
    std::cout << "serving at " << listening.getsockname() << '\n';
  std::cout.flush();
  co_await server.serve_forever();
}

Coro<int> async_main() {
  const std::vector<int> sockets = handed_over();
  if (sockets.empty()) {
    std::cerr << "socket_activation: start me with systemd-socket-activate -l PORT, or from a service manager\n";
    co_return 2;
  }
  TaskGroup group;
  co_await with(group, [&]() -> Coro<> {
    for (const int socket : sockets) group.create_task(serve(socket));
    co_return;
  });
  co_return 0;
}

int main() { return run(async_main()); }
