// SPDX-License-Identifier: MIT
// A server among clients of all kinds that are cancelled at any time: it serves on, and leaves nothing behind.
#include <asyncio/inspect.h>
#include <asyncio/outcome.h>
#include <asyncio/server.h>
#include <asyncio/testing.h>
#include <asyncio/timeout.h>
#include <asyncio/wait.h>

#include "tests/net/sockets.h"

#include <random>
#include <string>
#include <vector>

using namespace asyncio;
using namespace asyncio::testing;

namespace {

Coro<> echo(StreamReader reader, StreamWriter writer) {
  try {
    while (auto line = co_await reader.next_line()) {
      writer.write(*line);
      co_await writer.drain();
    }
  } catch (const LimitOverrunError&) {
  } catch (const std::system_error& error) {
    if (!is_connection_lost(error.code())) throw;  // which the server reports, and that fails the test
  }
}

Coro<> let_run(unsigned steps) {
  for (unsigned i = 0; i < steps; ++i) co_await sleep(std::chrono::nanoseconds(0));
}

struct Storm {
  explicit Storm(unsigned seed) : random(seed) {}
  unsigned below(unsigned limit) { return static_cast<unsigned>(random() % limit); }
  std::string line() { return std::string(1 + below(200'000), static_cast<char>('a' + below(26))) + '\n'; }

  std::mt19937 random;
  std::uint16_t port = 0;
  unsigned answered = 0;
};

Coro<> talks(Storm& storm) {
  Connection client = co_await open_connection("127.0.0.1", storm.port);
  for (unsigned i = storm.below(4); i > 0; --i) {
    const std::string line = storm.line();
    client.writer.write(line);
    std::string answer;
    while (answer.size() < line.size()) answer += co_await client.reader.read(64 * 1024);
    EXPECT_EQ(answer, line);
    ++storm.answered;
  }
  client.writer.close();
  co_await client.writer.wait_closed();
}

Coro<> says_all_at_once(Storm& storm) {
  Connection client = co_await open_connection("127.0.0.1", storm.port);
  std::string text;
  for (unsigned i = 0; i < 50; ++i) text += std::string(storm.below(100), 'x') + '\n';
  client.writer.write(text);
  client.writer.write_eof();
  const std::string answer = co_await client.reader.read();
  EXPECT_EQ(answer, text);
  ++storm.answered;
}

Coro<> never_reads(Storm& storm) {
  Connection client = co_await open_connection("127.0.0.1", storm.port);
  for (unsigned i = storm.below(40); i > 0; --i) {
    client.writer.write(storm.line());
    if (!co_await as_result(wait_for(client.writer.drain(), std::chrono::milliseconds(1)))) break;
  }
}

Coro<> resets(Storm& storm) {
  detail::UniqueFd client = plain_client(storm.port);
  co_await let_run(storm.below(6));
  static_cast<void>(fill(client));
  co_await let_run(storm.below(3));
  reset(client);
}

Coro<> goes_at_once(Storm& storm) {
  const detail::UniqueFd client = plain_client(storm.port);
  co_await let_run(storm.below(3));
}

Coro<> any_client(Storm& storm) {
  switch (storm.below(6)) {
    case 0:
    case 1:
      return talks(storm);
    case 2:
      return says_all_at_once(storm);
    case 3:
      return never_reads(storm);
    case 4:
      return resets(storm);
    default:
      return goes_at_once(storm);
  }
}

// Cancels some of the clients; some of them once more.
Coro<> blow(Storm& storm, const std::vector<Task<>>& clients) {
  for (unsigned i = storm.below(20); i > 0; --i) {
    co_await let_run(storm.below(12));
    clients[storm.below(static_cast<unsigned>(clients.size()))].cancel();
  }
}

Coro<> end(Storm& storm, Server& server) {
  switch (storm.below(3)) {
    case 0:
      server.close();
      server.close_clients();
      break;
    case 1:
      server.close();
      server.abort_clients();
      break;
    default: {
      auto serving = create_task(server.serve_forever());
      co_await let_run(1 + storm.below(3));
      serving.cancel();
      const auto ended = co_await as_result(serving);
      EXPECT_FALSE(ended.has_value());
      co_return;
    }
  }
  co_await server.wait_closed();
}

ASYNC_IO_TEST(ServerStorm, leaves_nothing_behind) {
  unsigned answered = 0;
  for (unsigned seed = 0; seed < 3000; ++seed) {
    Storm storm(seed);
    auto server = co_await start_server(echo, "127.0.0.1", 0, {.limit = 256 * 1024});
    storm.port = server.port();
    std::vector<Task<>> clients;
    for (int i = 0; i < 20; ++i) clients.push_back(create_task(any_client(storm)));
    co_await blow(storm, clients);
    const bool waits = storm.below(2) == 0;
    if (waits) co_await wait(clients);
    co_await talks(storm);  // it still serves
    co_await end(storm, server);
    for (const Task<>& client : clients) client.cancel();
    co_await wait(clients);
    // What comes before the end of the server does no client any harm; whose connection ends with it may get any error.
    for (const Task<>& client : clients) EXPECT_TRUE(client.cancelled() || client.exception() == nullptr || !waits);
    co_await settle();
    EXPECT_EQ(all_tasks().size(), 1u) << seed << '\n' << format_tasks(describe_tasks());
    answered += storm.answered;
  }
  EXPECT_GT(answered, 10'000u);  // the storm is not all there is
}

}  // namespace
