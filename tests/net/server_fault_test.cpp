// SPDX-License-Identifier: MIT
// What a server does when its handlers, its clients or the system fail, and when it goes while they are at work.
#include <asyncio/event_loop.h>
#include <asyncio/server.h>
#include <asyncio/testing.h>

#include "tests/net/sockets.h"

#include <sys/resource.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace asyncio;
using namespace asyncio::detail;
using namespace asyncio::testing;

namespace {

// No file descriptor can be opened while one lives.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const int lowest_free = ::dup(0);
    ::close(lowest_free);
    rlimit none = before_;
    none.rlim_cur = static_cast<rlim_t>(lowest_free);
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  NoDescriptors(const NoDescriptors&) = delete;
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

Coro<> greet(StreamReader, StreamWriter writer) {
  writer.write("hi");
  co_return;
}

}  // namespace

// BH-WR-09, BH-SRV-05
ASYNC_IO_TEST(Server, reports_what_a_handler_throws_and_closes_that_connection) {
  const auto handler = [](StreamReader reader, StreamWriter writer) -> Coro<> {
    const std::string line = co_await reader.readline();
    writer.write("got " + line);
    if (line == "bad\n") throw std::runtime_error("a bad line");
  };
  auto server = co_await start_server(handler, "127.0.0.1", 0);
  for (const std::string line : {"bad\n", "good\n"}) {
    Connection client = co_await open_connection("127.0.0.1", server.port());
    client.writer.write(line);
    const std::string answer = co_await client.reader.read();  // sent before it was closed
    EXPECT_EQ(answer, "got " + line);
  }
  const std::vector<std::string> reports = take_reports();
  EXPECT_EQ(reports.size(), 1u);
  EXPECT_NE(reports.front().find("a bad line"), std::string::npos);
}

// BH-WR-09
ASYNC_IO_TEST(Server, closes_the_connection_of_a_cancelled_handler_silently) {
  AnyTask task;
  const auto handler = [&](StreamReader reader, StreamWriter writer) -> Coro<> {
    task = current_task();
    writer.write("x");
    co_await reader.read();
  };
  auto server = co_await start_server(handler, "127.0.0.1", 0);
  Connection client = co_await open_connection("127.0.0.1", server.port());
  const std::string first = co_await client.reader.read(1);
  EXPECT_EQ(first, "x");
  task.cancel();
  const std::string nothing = co_await client.reader.read();
  EXPECT_EQ(nothing, "");
  EXPECT_TRUE(task.cancelled());
  EXPECT_TRUE(server.is_serving());
}

// BH-WR-09
ASYNC_IO_TEST(Server, closes_the_connection_of_a_handler_that_returns) {
  auto server = co_await start_server(greet, "127.0.0.1", 0);
  Connection client = co_await open_connection("127.0.0.1", server.port());
  const std::string all = co_await client.reader.read();
  EXPECT_EQ(all, "hi");
}

// BH-SRV-11, BH-WR-09
ASYNC_IO_TEST(Server, leaves_a_connection_open_that_its_handler_has_given_away) {
  std::optional<Connection> kept;
  const auto handler = [&](StreamReader reader, StreamWriter writer) -> Coro<> {
    kept.emplace(std::move(reader), std::move(writer));
    co_return;
  };
  auto server = co_await start_server(handler, "127.0.0.1", 0);
  Connection client = co_await open_connection("127.0.0.1", server.port());
  co_await until([&] { return kept.has_value(); });
  co_await settle();
  kept->writer.write("later\n");
  const std::string line = co_await client.reader.readline();
  EXPECT_EQ(line, "later\n");
  client.writer.write("back\n");
  const std::string back = co_await kept->reader.readline();
  EXPECT_EQ(back, "back\n");
  server.close();
  auto waiting = create_task(server.wait_closed());
  co_await settle();
  EXPECT_FALSE(waiting.done());  // it counts until it is closed
  kept.reset();
  co_await waiting;
}

ASYNC_IO_TEST(Server, survives_a_handler_that_throws_before_it_is_a_coroutine) {
  int calls = 0;
  const auto handler = [&](StreamReader reader, StreamWriter writer) -> Coro<> {
    if (++calls == 1) throw std::runtime_error("not today");
    return greet(std::move(reader), std::move(writer));
  };
  auto server = co_await start_server(handler, "127.0.0.1", 0);
  for (const std::string expected : {"", "hi"}) {
    const UniqueFd client = plain_client(server.port());
    const std::string all = co_await receive(client, 10);
    EXPECT_EQ(all, expected);
  }
  const std::vector<std::string> reports = take_reports();
  EXPECT_EQ(reports.size(), 1u);
  EXPECT_NE(reports.front().find("not today"), std::string::npos);
}

ASYNC_IO_TEST(Server, outlives_handlers_that_start_eagerly_and_end_in_their_first_step) {
  get_running_loop().set_task_factory(eager_task_factory);
  for (const bool failing : {false, true}) {
    const auto handler = [failing](StreamReader, StreamWriter writer) -> Coro<> {
      writer.write("hi");
      if (failing) throw std::runtime_error("at once");
      co_return;
    };
    auto server = co_await start_server(handler, "127.0.0.1", 0);
    Connection client = co_await open_connection("127.0.0.1", server.port());
    const std::string answer = co_await client.reader.read();
    EXPECT_EQ(answer, "hi");
    server.close();
    co_await server.wait_closed();
    const std::vector<std::string> reports = take_reports();
    EXPECT_EQ(reports.size(), failing ? 1u : 0u);
    for (const std::string& report : reports) EXPECT_NE(report.find("at once"), std::string::npos);
  }
  get_running_loop().set_task_factory({});
}

// BH-SRV-06
ASYNC_IO_TEST(Server, can_be_closed_by_a_handler) {
  std::optional<Server> server;
  const auto handler = [&](StreamReader reader, StreamWriter writer) -> Coro<> {
    server->close();
    co_await greet(std::move(reader), std::move(writer));
  };
  server.emplace(co_await start_server(handler, "127.0.0.1", 0));
  const UniqueFd client = plain_client(server->port());
  const std::string all = co_await receive(client, 10);
  EXPECT_EQ(all, "hi");
  co_await server->wait_closed();
}

ASYNC_IO_TEST(Server, may_have_all_its_clients_closed_by_a_handler) {
  std::optional<Server> server;
  const auto handler = [&](StreamReader, StreamWriter writer) -> Coro<> {
    writer.write("bye");
    server->close();
    server->close_clients();
    EXPECT_TRUE(writer.is_closing());
    co_return;
  };
  server.emplace(co_await start_server(handler, "127.0.0.1", 0));
  const UniqueFd client = plain_client(server->port());
  EXPECT_EQ(co_await receive(client, 10), "bye");
  co_await server->wait_closed();
  EXPECT_FALSE(server->is_serving());
}

ASYNC_IO_TEST(Server, can_be_destroyed_while_it_accepts) {
  auto server = std::make_unique<std::optional<Server>>();
  int calls = 0;
  const auto handler = [&](StreamReader reader, StreamWriter writer) -> Coro<> {
    ++calls;
    server.reset();  // in the middle of the listener's turn: others wait to be accepted
    return greet(std::move(reader), std::move(writer));
  };
  server->emplace(co_await start_server(handler, "127.0.0.1", 0));
  const std::uint16_t port = (*server)->port();
  const UniqueFd first = plain_client(port);
  const UniqueFd second = plain_client(port);
  const UniqueFd third = plain_client(port);
  const std::string all = co_await receive(first, 10);
  EXPECT_EQ(all, "hi");
  const std::string nothing = co_await receive(second, 10);
  EXPECT_EQ(nothing, "");
  EXPECT_EQ(calls, 1);
}

ASYNC_IO_TEST(Server, that_is_destroyed_lets_its_handlers_run_on_with_what_they_captured) {
  std::weak_ptr<int> observed;
  Connection client = co_await [](std::weak_ptr<int>& seen) -> Coro<Connection> {
    auto shared = std::make_shared<int>(42);
    seen = shared;
    const auto handler = [shared](StreamReader reader, StreamWriter writer) -> Coro<> {
      writer.write("ready\n");
      while (auto line = co_await reader.next_line()) writer.write(std::to_string(*shared) + " " + *line);
    };
    auto server = co_await start_server(handler, "127.0.0.1", 0);
    Connection made = co_await open_connection("127.0.0.1", server.port());
    const std::string ready = co_await made.reader.readline();
    EXPECT_EQ(ready, "ready\n");
    co_return made;
  }(observed);
  client.writer.write("still\n");
  const std::string line = co_await client.reader.readline();
  EXPECT_EQ(line, "42 still\n");
  EXPECT_FALSE(observed.expired());
  client.writer.close();
  co_await until([&] { return observed.expired(); });  // with the last handler
}

ASYNC_IO_TEST(Server, ignores_clients_that_are_gone_before_they_are_accepted) {
  auto server = co_await start_server(echo, "127.0.0.1", 0);
  for (int i = 0; i < 50; ++i) {
    UniqueFd client = plain_client(server.port());
    reset(client);
  }
  Connection client = co_await open_connection("127.0.0.1", server.port());
  client.writer.write("hello\n");
  const std::string answer = co_await client.reader.readline();
  EXPECT_EQ(answer, "hello\n");
  co_await settle();
  for (const std::string& report : take_reports()) {  // a handler may have met the reset
    EXPECT_NE(report.find("Connection reset"), std::string::npos) << report;
  }
}

// BH-SRV-04: the pause is a timer of the loop's.
ASYNC_TEST(Server, without_descriptors_pauses_for_a_second_and_loses_no_connection) {
  auto server = co_await start_server(greet, "127.0.0.1", 0);
  const UniqueFd first = plain_client(server.port());
  const UniqueFd second = plain_client(server.port());
  std::vector<std::string> reports;
  {
    const NoDescriptors none;
    co_await until([&] {
      reports = take_reports();
      return !reports.empty();
    });
  }
  EXPECT_EQ(reports.size(), 1u);
  EXPECT_NE(reports.front().find("Too many open files"), std::string::npos) << reports.front();
  EXPECT_TRUE(server.is_serving());
  const UniqueFd third = plain_client(server.port());  // comes during the pause

  co_await sleep(std::chrono::milliseconds(999));
  EXPECT_EQ(drain_socket(first), "");
  co_await sleep(std::chrono::milliseconds(1));
  const std::string hi = co_await receive(first, 2);
  EXPECT_EQ(hi, "hi");
  const std::string hi_too = co_await receive(second, 2);
  const std::string hi_three = co_await receive(third, 2);
  EXPECT_EQ(hi_too + hi_three, "hihi");
}

// BH-SRV-04
ASYNC_TEST(Server, reports_each_pause_once) {
  auto server = co_await start_server(greet, "127.0.0.1", 0);
  const UniqueFd client = plain_client(server.port());
  std::size_t reports = 0;
  {
    const NoDescriptors none;
    co_await until([&] {
      reports += take_reports().size();
      return reports == 1;
    });
    co_await sleep(std::chrono::milliseconds(2500));
    co_await settle();
    reports += take_reports().size();
  }
  EXPECT_EQ(reports, 3u);
  co_await sleep(std::chrono::seconds(1));
  const std::string hi = co_await receive(client, 2);
  EXPECT_EQ(hi, "hi");
}

ASYNC_TEST(Server, may_be_closed_by_the_report_that_it_makes) {
  auto server = co_await start_server(greet, "127.0.0.1", 0);
  bool reported = false;
  get_running_loop().set_exception_handler([&](EventLoop&, const ExceptionContext&) {
    reported = true;
    server.close();
  });
  const UniqueFd client = plain_client(server.port());
  {
    const NoDescriptors none;
    co_await until([&] { return reported; });
  }
  co_await sleep(std::chrono::seconds(2));
  EXPECT_FALSE(server.is_serving());
  const std::string nothing = co_await receive(client, 2);
  EXPECT_EQ(nothing, "");
}

TEST(Server, goes_with_its_loop_and_its_connections_too) {
  std::optional<Server> server;
  std::optional<Connection> client;
  std::optional<Connection> kept;
  {
    EventLoop loop;
    int reports = 0;
    loop.set_exception_handler([&](EventLoop&, const ExceptionContext&) { ++reports; });  // pending tasks
    loop.run_until_complete([](std::optional<Server>& made, std::optional<Connection>& connected,
                               std::optional<Connection>& given) -> Coro<> {
      const auto handler = [&](StreamReader reader, StreamWriter writer) -> Coro<> {
        if (!given) {
          given.emplace(std::move(reader), std::move(writer));
        } else {
          co_await reader.read();
        }
      };
      made.emplace(co_await start_server(handler, "127.0.0.1", 0));
      connected.emplace(co_await open_connection("127.0.0.1", made->port()));
      Connection other = co_await open_connection("127.0.0.1", made->port());
      auto serving = create_task(made->serve_forever());
      co_await until([&] { return given.has_value(); });
      co_await settle();
      // One more waits to be accepted when the loop goes.
    }(server, client, kept));
    loop.close();
    EXPECT_GE(reports, 1);
  }
  EXPECT_FALSE(server->is_serving());
  EXPECT_TRUE(server->sockets().empty());
  server->close();
  server->close_clients();
  server->abort_clients();
  EXPECT_TRUE(client->writer.is_closing());
  EXPECT_TRUE(kept->writer.is_closing());
  kept->writer.write("dropped");
  kept->writer.write_eof();
  kept->writer.abort();
  EXPECT_EQ(kept->writer.get_extra_info("socket").index(), 0u);
  EXPECT_TRUE(kept->reader.at_eof());

  EventLoop later;
  const bool closed = later.run_until_complete(throws<RuntimeError>(server->serve_forever()));
  EXPECT_TRUE(closed);
  later.run_until_complete(server->wait_closed());
}
