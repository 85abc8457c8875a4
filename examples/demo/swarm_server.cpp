// SPDX-License-Identifier: MIT
#include "program.h"
#include "swarm.h"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <sstream>
#include <string>

using namespace asyncio;
using namespace std::chrono_literals;

namespace demo {

namespace {

constexpr std::size_t files_beside_the_clients = 64;
constexpr std::size_t most_bytes_per_connection = 600;

// One for all handlers: read_into() writes nothing to it before the moment in which its await returns.
std::array<std::byte, 64 * 1024> shared_buffer;

Coro<> echo(StreamReader reader, StreamWriter writer) {
  while (std::size_t count = co_await reader.read_into(shared_buffer)) {
    writer.write(std::span(shared_buffer).first(count));
    co_await writer.drain();
  }
}

// A bar on a terminal; a line now and then elsewhere.
void show_progress(std::size_t done, std::size_t of) {
  if (::isatty(STDOUT_FILENO) == 0) {
    std::printf("  %zu of %zu connected\n", done, of);
    return;
  }
  constexpr std::size_t width = 40;
  const std::size_t full = of == 0 ? width : done * width / of;
  std::printf("\r  [%s%s] %zu of %zu connected", std::string(full, '#').c_str(), std::string(width - full, ' ').c_str(),
              done, of);
  if (done == of) std::puts("");
  std::fflush(stdout);
}

struct Findings {
  std::size_t held = 0;
  std::size_t bytes = 0;  // of memory, for each connection that rests
  unsigned long rate = 0;
  unsigned long p50 = 0;
  unsigned long p99 = 0;
  std::size_t failed = 0;
  bool complete = false;
};

// Talks with the process of the clients.
Coro<> follow(StreamReader& reader, StreamWriter& writer, std::size_t count, std::size_t memory_before,
              Findings& found) {
  while (auto line = co_await reader.next_line()) {
    std::istringstream words(*line);
    std::string what;
    words >> what;
    if (what == "connected") {
      std::size_t connected = 0;
      words >> connected;
      show_progress(connected, count);
    } else if (what == "idle") {
      words >> found.held;
      show_progress(found.held, count);
      const std::size_t memory = resident_memory();
      found.bytes = found.held == 0 || memory < memory_before ? 0 : (memory - memory_before) / found.held;
      std::puts("  all talk at once, for five seconds ...");
      std::fflush(stdout);
      writer.write("go\n");
    } else if (what == "talked") {
      words >> found.rate >> found.p50 >> found.p99 >> found.failed;
      found.complete = true;
    }
  }
}

}  // namespace

Coro<bool> show_swarm() {
  const std::size_t limit = raise_file_limit();
  const std::size_t count =
      std::min(swarm_size, limit > 2 * files_beside_the_clients ? limit - files_beside_the_clients : 1);
  std::printf("\nAn echo server, and %zu clients in a second process\n", count);
  if (count < swarm_size) {
    std::printf("  (the limit on open files, %zu, does not allow %zu)\n", limit, swarm_size);
  }

  Findings found;
  auto server = co_await start_server(echo, "127.0.0.1", 0);
  Event followed;
  const std::size_t memory_before = resident_memory();
  auto control = co_await start_server(
      [&](StreamReader reader, StreamWriter writer) -> Coro<> {
        co_await follow(reader, writer, count, memory_before, found);
        followed.set();
      },
      "127.0.0.1", 0);
  Program clients({program_directory() + "/demo", "--clients", std::to_string(server.port()),
                   std::to_string(control.port()), std::to_string(count)});
  try {
    co_await wait_for(followed.wait(), 90s);
  } catch (const TimeoutError&) {
    std::puts("  the clients did not end in time");
  }

  const bool in_order = found.complete && found.failed == 0 && found.held == count;
  std::printf("  connections held            %zu%s\n", found.held,
              found.held == count ? "" : "  (fewer than promised)");
  std::printf("  failed                      %zu\n", found.failed);
  std::printf("  messages per second         %lu\n", found.rate);
  std::printf("  round trip p50 / p99        %.1f / %.1f ms\n", static_cast<double>(found.p50) / 1000,
              static_cast<double>(found.p99) / 1000);
  std::printf("  memory per idle connection  %zu bytes%s\n", found.bytes,
              found.bytes <= most_bytes_per_connection ? "" : "  (more than promised)");
  co_return in_order&& found.bytes <= most_bytes_per_connection;
}

}  // namespace demo
