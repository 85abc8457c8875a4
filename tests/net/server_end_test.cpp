// SPDX-License-Identifier: MIT
// The handlers of a server end before what they refer to: with a cancelled serve_forever(), and with a block.
#include <asyncio/cancel_scope.h>
#include <asyncio/event_loop.h>
#include <asyncio/run.h>
#include <asyncio/server.h>
#include <asyncio/shield.h>
#include <asyncio/task_factory.h>
#include <asyncio/testing.h>
#include <asyncio/with.h>

#include "tests/net/sockets.h"

#include <signal.h>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace asyncio;
using namespace asyncio::detail;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

// What the handlers of a server share. It says so where one is alive when it goes.
class Room {
 public:
  Room() = default;
  Room(const Room&) = delete;
  ~Room() { EXPECT_EQ(inside, 0); }

  int entered = 0;
  int inside = 0;
  int cancels = 0;
};

class Visit {
 public:
  explicit Visit(Room& room) : room_(room) { ++room_.inside, ++room_.entered; }
  Visit(const Visit&) = delete;
  ~Visit() { --room_.inside; }

 private:
  Room& room_;
};

Coro<> visit(Room& room, StreamReader reader, StreamWriter) {
  const Visit inside(room);
  co_await reader.read();
}

// Stays until `leave`, whoever cancels it.
Coro<> stay(Room& room, Future<> leave, StreamReader, StreamWriter) {
  const Visit inside(room);
  while (!leave.done()) {
    try {
      co_await shield(leave);
    } catch (const CancelledError&) {
      ++room.cancels;
    }
  }
}

auto visits(Room& room) {
  return
      [&room](StreamReader reader, StreamWriter writer) { return visit(room, std::move(reader), std::move(writer)); };
}

auto stays(Room& room, Future<> leave) {
  return [&room, leave](StreamReader reader, StreamWriter writer) {
    return stay(room, leave, std::move(reader), std::move(writer));
  };
}

Coro<> serve_forever(Server& server) { co_await server.serve_forever(); }

}  // namespace

// BH-SRV-09: what stands beside it in a coroutine outlives the handlers, and an idle client holds nothing up.
ASYNC_IO_TEST(Server, that_is_cancelled_ends_its_handlers_first) {
  std::uint16_t port = 0;
  int inside = 0;
  const auto program = [&]() -> Coro<> {
    Room room;
    auto server = co_await start_server(visits(room), "127.0.0.1", 0);
    port = server.port();
    const UniqueFd first = plain_client(port);
    const UniqueFd second = plain_client(port);
    co_await until([&] { return room.inside == 2; });
    inside = room.inside;
    co_await server.serve_forever();
  };
  auto running = create_task(program);
  co_await until([&] { return inside == 2; });
  co_await settle();
  running.cancel("Ctrl-C");
  std::string message;
  try {
    co_await running;
  } catch (const CancelledError& error) {
    message = error.what();
  }
  EXPECT_NE(message.find("Ctrl-C"), std::string::npos) << message;
  const std::error_code refused = co_await error_of(open_connection("127.0.0.1", port));
  EXPECT_EQ(refused, std::errc::connection_refused);
  EXPECT_TRUE(take_reports().empty());
}

// BH-SRV-09
TEST(Server, lets_ctrl_c_end_a_program_whose_handlers_refer_to_its_variables) {
  const auto program = []() -> Coro<> {
    Room room;
    const auto handler = [&room](StreamReader reader, StreamWriter) -> Coro<> {
      const Visit inside(room);
      ::raise(SIGINT);
      co_await reader.read();
    };
    auto server = co_await start_server(handler, "127.0.0.1", 0);
    const UniqueFd client = plain_client(server.port());
    co_await server.serve_forever();
  };
  EXPECT_THROW(run(program()), KeyboardInterrupt);
}

// BH-SRV-09: further cancels shorten nothing, and are not lost.
ASYNC_IO_TEST(Server, that_is_cancelled_waits_for_a_handler_that_goes_on) {
  Room room;
  Future<> leave;
  bool cancelled_again = false;
  auto server = co_await start_server(stays(room, leave), "127.0.0.1", 0);
  const auto serving_body = [&]() -> Coro<> {
    bool cancelled = false;
    try {
      co_await server.serve_forever();
    } catch (const CancelledError&) {
      cancelled = true;
    }
    EXPECT_TRUE(cancelled);
    EXPECT_EQ(room.inside, 0);
    cancelled_again = co_await throws<CancelledError>(sleep(1h));
  };
  auto serving = create_task(serving_body);
  const UniqueFd client = plain_client(server.port());
  co_await until([&] { return room.inside == 1; });
  serving.cancel();
  co_await settle();
  EXPECT_FALSE(server.is_serving());
  EXPECT_FALSE(serving.done());
  serving.cancel();
  co_await settle();
  serving.cancel();
  co_await settle();
  EXPECT_FALSE(serving.done());
  EXPECT_EQ(room.cancels, 1);  // its own cleaning up is not cancelled
  leave.set_result();
  co_await serving;
  EXPECT_TRUE(cancelled_again);
}

// BH-SRV-09
ASYNC_IO_TEST(Server, that_is_cancelled_twice_by_who_awaits_it_ends_once) {
  Room room;
  Future<> leave;
  auto server = co_await start_server(stays(room, leave), "127.0.0.1", 0);
  auto serving = create_task(serve_forever(server));
  const auto awaiting_body = [&]() -> Coro<> { co_await serving; };
  auto awaiting = create_task(awaiting_body);
  const UniqueFd client = plain_client(server.port());
  co_await until([&] { return room.inside == 1; });
  awaiting.cancel();
  co_await settle();
  awaiting.cancel();
  co_await settle();
  EXPECT_FALSE(awaiting.done());
  leave.set_result();
  co_await settle();
  EXPECT_TRUE(serving.cancelled());
  EXPECT_TRUE(awaiting.cancelled());
}

// BH-SRV-09
ASYNC_IO_TEST(Server, in_a_cancelled_scope_ends_its_handlers_first) {
  Room room;
  Future<> leave;
  auto server = co_await start_server(stays(room, leave), "127.0.0.1", 0);
  CancelScope scope;
  bool left = false;
  const auto serving_body = [&]() -> Coro<> {
    co_await with(scope, [&]() -> Coro<> { co_await server.serve_forever(); });
    EXPECT_EQ(room.inside, 0);
    left = true;
  };
  auto serving = create_task(serving_body);
  const UniqueFd client = plain_client(server.port());
  co_await until([&] { return room.inside == 1; });
  scope.cancel();
  co_await settle();
  EXPECT_EQ(room.cancels, 1);
  EXPECT_FALSE(left);
  leave.set_result();
  co_await serving;
  EXPECT_TRUE(left);
}

// BH-SRV-09
ASYNC_IO_TEST(Server, that_is_closed_and_cancelled_at_once_ends_its_handlers) {
  Room room;
  auto server = co_await start_server(visits(room), "127.0.0.1", 0);
  auto serving = create_task(serve_forever(server));
  const UniqueFd client = plain_client(server.port());
  co_await until([&] { return room.inside == 1; });
  server.close();
  serving.cancel();
  const bool cancelled = co_await throws<CancelledError>(serving);
  EXPECT_TRUE(cancelled);
  EXPECT_EQ(room.inside, 0);
}

// BH-SRV-09
ASYNC_IO_TEST(Server, that_is_cancelled_runs_no_handler_that_has_not_begun) {
  Room room;
  auto server = co_await start_server(visits(room), "127.0.0.1", 0);
  auto serving = create_task(serve_forever(server));
  co_await settle();
  EventLoop& loop = get_running_loop();
  loop.set_task_factory([&](EventLoop&, NewTask& task) {  // between the accept and the first step of the handler
    serving.cancel();
    task.start();
  });
  const UniqueFd client = plain_client(server.port());
  co_await until([&] { return serving.done(); });
  loop.set_task_factory({});
  EXPECT_TRUE(serving.cancelled());
  const std::string nothing = co_await receive(client, 1);
  EXPECT_EQ(nothing, "");
  EXPECT_EQ(room.entered, 0);
}

// BH-SRV-09
ASYNC_IO_TEST(Server, that_is_cancelled_reports_what_a_handler_throws_instead) {
  Room room;
  const auto handler = [&](StreamReader reader, StreamWriter) -> Coro<> {
    const Visit inside(room);
    try {
      co_await reader.read();
    } catch (const CancelledError&) {
      throw std::runtime_error("no time to say goodbye");
    }
  };
  auto server = co_await start_server(handler, "127.0.0.1", 0);
  auto serving = create_task(serve_forever(server));
  const UniqueFd client = plain_client(server.port());
  co_await until([&] { return room.inside == 1; });
  serving.cancel();
  const bool cancelled = co_await throws<CancelledError>(serving);
  EXPECT_TRUE(cancelled);
  const std::vector<std::string> reports = take_reports();
  EXPECT_EQ(reports.size(), 1u);
  EXPECT_NE(reports.front().find("no time to say goodbye"), std::string::npos);
}

// BH-SRV-09
ASYNC_IO_TEST(Server, that_is_cancelled_may_be_used_by_its_handlers) {
  Room room;
  std::optional<Server> server;
  const auto handler = [&](StreamReader reader, StreamWriter) -> Coro<> {
    const Visit inside(room);
    bool cancelled = false;
    try {
      co_await reader.read();
    } catch (const CancelledError&) {
      cancelled = true;
    }
    EXPECT_TRUE(cancelled);
    EXPECT_FALSE(server->is_serving());
    server->close();
    server->close_clients();
    server->abort_clients();
    co_await server->wait_closed();
    const bool closed = co_await throws<RuntimeError>(server->start_serving());
    EXPECT_TRUE(closed);
    server.reset();
    co_await settle();
    ++room.cancels;
  };
  server.emplace(co_await start_server(handler, "127.0.0.1", 0));
  auto serving = create_task(server->serve_forever());
  const UniqueFd client = plain_client(server->port());
  co_await until([&] { return room.inside == 1; });
  serving.cancel();
  const bool cancelled = co_await throws<CancelledError>(serving);
  EXPECT_TRUE(cancelled);
  EXPECT_EQ(room.inside, 0);
  EXPECT_EQ(room.cancels, 1);
}

// BH-SRV-09: it would wait for its own end.
ASYNC_IO_TEST(Server, that_a_handler_serves_and_is_cancelled_cancels_the_others_and_waits_for_none) {
  Room room;
  std::optional<Server> server;
  std::vector<AnyTask> tasks;
  const auto handler = [&](StreamReader reader, StreamWriter) -> Coro<> {
    const Visit inside(room);
    tasks.push_back(current_task());
    if (tasks.size() == 1) {
      co_await server->serve_forever();
    } else {
      co_await reader.read();
    }
  };
  server.emplace(co_await start_server(handler, "127.0.0.1", 0));
  const UniqueFd first = plain_client(server->port());
  const UniqueFd second = plain_client(server->port());
  co_await until([&] { return room.inside == 2; });
  tasks.front().cancel();
  co_await settle();
  EXPECT_EQ(room.inside, 0);
  EXPECT_TRUE(tasks[0].cancelled());
  EXPECT_TRUE(tasks[1].cancelled());
}

// BH-SRV-10
ASYNC_IO_TEST(Server, as_a_block_that_an_error_ends_ends_its_handlers_first) {
  Room room;
  Future<> leave;
  auto server = co_await start_server(stays(room, leave), "127.0.0.1", 0);
  const std::uint16_t port = server.port();
  const UniqueFd client = plain_client(port);
  const auto block = [&]() -> Coro<> {
    co_await with(server, [&]() -> Coro<> {
      co_await until([&] { return room.inside == 1; });
      throw std::runtime_error("the program has failed");
    });
  };
  auto running = create_task(block);
  co_await until([&] { return room.cancels == 1; });
  co_await settle();
  EXPECT_FALSE(running.done());
  const std::error_code refused = co_await error_of(open_connection("127.0.0.1", port));
  EXPECT_EQ(refused, std::errc::connection_refused);
  leave.set_result();
  const bool thrown = co_await throws<std::runtime_error>(running);
  EXPECT_TRUE(thrown);
  EXPECT_EQ(room.inside, 0);
}

// BH-SRV-10
ASYNC_IO_TEST(Server, as_a_block_that_a_cancel_ends_ends_its_handlers_first) {
  const auto block = []() -> Coro<> {
    Room room;
    auto server = co_await start_server(visits(room), "127.0.0.1", 0);
    const UniqueFd client = plain_client(server.port());
    co_await with(server, [&]() -> Coro<> {
      co_await until([&] { return room.inside == 1; });
      current_task().cancel();
      co_await sleep(1h);
    });
  };
  auto running = create_task(block);
  const bool cancelled = co_await throws<CancelledError>(running);
  EXPECT_TRUE(cancelled);
}

// BH-SRV-10
ASYNC_IO_TEST(Server, as_a_block_that_is_cancelled_while_it_waits_for_its_clients_ends_its_handlers) {
  Room room;
  Future<> leave;
  auto server = co_await start_server(stays(room, leave), "127.0.0.1", 0);
  const UniqueFd client = plain_client(server.port());
  const auto block = [&]() -> Coro<> {
    co_await with(server, [&]() -> Coro<> { co_await until([&] { return room.inside == 1; }); });
  };
  auto running = create_task(block);
  co_await until([&] { return room.inside == 1; });
  co_await settle();
  EXPECT_FALSE(server.is_serving());
  EXPECT_FALSE(running.done());
  EXPECT_EQ(room.cancels, 0);
  running.cancel();
  co_await settle();
  running.cancel();
  co_await settle();
  EXPECT_FALSE(running.done());
  EXPECT_EQ(room.cancels, 1);
  leave.set_result();
  const bool cancelled = co_await throws<CancelledError>(running);
  EXPECT_TRUE(cancelled);
  EXPECT_EQ(room.inside, 0);
}

// BH-SRV-10: a connection may go before its handler.
ASYNC_IO_TEST(Server, as_a_block_waits_for_handlers_whose_client_is_gone) {
  Room room;
  Future<> leave;
  auto server = co_await start_server(stays(room, leave), "127.0.0.1", 0);
  const UniqueFd client = plain_client(server.port());
  const auto block = [&]() -> Coro<> {
    co_await with(server, [&]() -> Coro<> { co_await until([&] { return room.inside == 1; }); });
    EXPECT_EQ(room.inside, 0);
  };
  auto running = create_task(block);
  co_await until([&] { return room.inside == 1; });
  server.abort_clients();
  co_await server.wait_closed();
  co_await settle();
  EXPECT_FALSE(running.done());
  leave.set_result();
  co_await running;
  EXPECT_EQ(room.cancels, 0);
}

// BH-SRV-10
ASYNC_IO_TEST(Server, as_a_block_that_an_eager_handler_fails_cancels_that_handler_too) {
  Room room;
  std::optional<Server> server;
  bool failed = false;
  const auto block = [&]() -> Coro<> {
    co_await with(*server, []() -> Coro<> {
      throw std::runtime_error("at once");
      co_return;
    });
  };
  const auto handler = [&](StreamReader reader, StreamWriter) -> Coro<> {
    const Visit inside(room);
    auto running = create_task(block);  // it, too, starts at once, before the server knows of this handler
    failed = co_await throws<std::runtime_error>(running);
    co_await reader.read();
  };
  server.emplace(co_await start_server(handler, "127.0.0.1", 0));
  get_running_loop().set_task_factory(eager_task_factory);
  const UniqueFd client = plain_client(server->port());
  co_await until([&] { return room.entered == 1 && room.inside == 0; });
  get_running_loop().set_task_factory({});
  EXPECT_TRUE(failed);
}
