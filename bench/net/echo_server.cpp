// SPDX-License-Identifier: MIT
#include <asyncio/run.h>
#include <asyncio/server.h>

#include <sys/resource.h>

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdio>
#include <span>
#include <string_view>

// net_echo_server --port N [--backend epoll|io_uring]: sends back what it gets, on 127.0.0.1.

using asyncio::Backend;
using asyncio::Coro;
using asyncio::StreamReader;
using asyncio::StreamWriter;

// Of all connections: read_into() writes to it only in the moment in which it returns.
static std::array<std::byte, 64 * 1024> buffer;

static Coro<> echo(StreamReader reader, StreamWriter writer) {
  while (std::size_t count = co_await reader.read_into(buffer)) {
    writer.write(std::span(buffer).first(count));
    co_await writer.drain();
  }
}

static Coro<> serve(std::uint16_t port) {
  auto server = co_await asyncio::start_server(echo, "127.0.0.1", port);
  co_await server.serve_forever();
}

static int usage() {
  std::fprintf(stderr, "usage: net_echo_server --port N [--backend epoll|io_uring]\n");
  return 2;
}

int main(int count, char** arguments) {
  std::uint16_t port = 0;
  Backend backend = Backend::automatic;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string_view option = arguments[i];
    const std::string_view value = arguments[i + 1];
    if (option == "--port") {
      std::from_chars(value.data(), value.data() + value.size(), port);
    } else if (option == "--backend" && value == "epoll") {
      backend = Backend::epoll;
    } else if (option == "--backend" && value == "io_uring") {
      backend = Backend::io_uring;
    } else {
      return usage();
    }
  }
  if (port == 0) return usage();

  rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  return asyncio::run(serve(port), {.backend = backend});
}
