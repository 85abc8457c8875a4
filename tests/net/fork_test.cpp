// SPDX-License-Identifier: MIT
// The child of a fork() has its parent's sockets, and its loop: it harms neither, and says so when it is to use them.
#include <asyncio/event_loop.h>
#include <asyncio/server.h>
#include <asyncio/testing.h>

#include "tests/backend/child.h"
#include "tests/net/sockets.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

using namespace asyncio;
using namespace asyncio::testing;

namespace {

// Runs to its end, or to where it would have to wait, without a loop; what it throws.
template <class A>
std::string ending_in_a_loop(A operation) {
  std::string text = "it waits for ever";
  try {
    EventLoop own;
    own.run_until_complete([](A awaited, std::string& what) -> Coro<> {
      what.clear();
      try {
        (void)co_await std::move(awaited);
      } catch (const RuntimeError& error) {
        what = error.what();
      }
    }(std::move(operation), text));
  } catch (const std::exception& error) {
    text = std::string("the loop threw ") + error.what();
  }
  return text;
}

bool tells_of_the_fork(const std::string& text) { return text.find("fork()") != std::string::npos; }

class Directory {
 public:
  Directory() {
    std::string name = (std::filesystem::temp_directory_path() / "fork_test.XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  Directory(const Directory&) = delete;
  ~Directory() { std::filesystem::remove_all(path_); }
  std::string file(const char* name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace

ASYNC_IO_TEST(Fork, a_child_neither_reads_nor_sends_nor_shuts_down_what_is_its_parents) {
  SocketPair sockets = tcp_sockets();
  std::optional<Connection> connection = adopt(std::move(sockets.first));
  EXPECT_EQ(::write(sockets.second.get(), "hello", 5), 5);
  co_await settle();  // the data are in the kernel, and the stream knows it
  in_child([&] { EXPECT_TRUE(tells_of_the_fork(ending_in_a_loop(connection->reader.read(5)))); });
  in_child([&] {
    connection->writer.write("from the child");
    EXPECT_TRUE(tells_of_the_fork(ending_in_a_loop(connection->writer.drain())));
  });
  in_child([&] { connection->writer.write_eof(); });
  in_child([&] { connection->writer.close(); });
  in_child([&] { connection->writer.abort(); });
  in_child([&] { connection.reset(); });
  EXPECT_EQ(drain_socket(sockets.second), "");
  const std::string hello = co_await connection->reader.readexactly(5);
  EXPECT_EQ(hello, "hello");
  EXPECT_EQ(::write(sockets.second.get(), "again", 5), 5);
  const std::string again = co_await connection->reader.readexactly(5);  // the child has not ended the watch
  EXPECT_EQ(again, "again");
  connection->writer.write("from the parent");
  const std::string got = co_await receive(sockets.second, 15);
  EXPECT_EQ(got, "from the parent");
}

ASYNC_IO_TEST(Fork, a_child_does_not_send_what_its_parent_keeps) {
  SocketPair sockets = unix_sockets();
  std::optional<Connection> connection = adopt(std::move(sockets.first));
  connection->writer.write(std::string(1'000'000, 'x'));
  const std::size_t kept = connection->writer.get_write_buffer_size();
  EXPECT_GT(kept, 0u);
  const std::size_t sent = drain_socket(sockets.second).size();
  in_child([&] { connection.reset(); });
  in_child([&] { connection->writer.writelines(std::vector<std::string>{"a", "b"}); });
  EXPECT_EQ(drain_socket(sockets.second), "");
  connection->writer.close();
  const std::string rest = co_await receive(sockets.second, 1'000'000);
  EXPECT_EQ(sent + rest.size(), 1'000'000u);
}

ASYNC_IO_TEST(Fork, a_child_leaves_the_server_of_its_parent_and_its_file_alone) {
  const Directory directory;
  const std::string path = directory.file("socket");
  const auto greet = [](StreamReader, StreamWriter writer) -> Coro<> {
    writer.write("hi");
    co_return;
  };
  std::optional<Server> server = co_await start_unix_server(greet, path);
  std::optional<Server> idle = co_await start_unix_server(greet, directory.file("idle"), {.start_serving = false});
  in_child([&] { server->close(); });
  in_child([&] { server.reset(); });
  in_child([&] { EXPECT_TRUE(tells_of_the_fork(ending_in_a_loop(idle->start_serving()))); });
  EXPECT_TRUE(std::filesystem::exists(path));
  Connection connection = co_await open_unix_connection(path);
  const std::string hi = co_await connection.reader.readexactly(2);
  EXPECT_EQ(hi, "hi");
  server->close();
  EXPECT_FALSE(std::filesystem::exists(path));
}

ASYNC_IO_TEST(Fork, a_child_cannot_change_what_its_parent_watches) {
  EventLoop& loop = get_running_loop();
  const SocketPair sockets = unix_sockets();
  const SocketPair others = unix_sockets();
  int calls = 0;
  const auto read = [&] {
    ++calls;
    (void)drain_socket(sockets.first);
  };
  loop.add_reader(sockets.first.get(), read);
  loop.add_writer(sockets.first.get(), [&] { loop.remove_writer(sockets.first.get()); });
  in_child([&] { EXPECT_THROW(loop.add_reader(others.first.get(), [] {}), RuntimeError); });
  in_child([&] { EXPECT_TRUE(loop.remove_writer(sockets.first.get())); });
  in_child([&] { EXPECT_TRUE(loop.remove_reader(sockets.first.get())); });
  EXPECT_EQ(::write(sockets.second.get(), "x", 1), 1);
  co_await settle();
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(loop.remove_reader(sockets.first.get()));
}

// A loop that no run() ends, as the end of a program destroys it.
TEST(Fork, a_child_that_ends_with_its_parents_loop_takes_nothing_away) {
  SocketPair sockets = tcp_sockets();
  std::optional<Connection> connection;
  auto loop = std::make_unique<EventLoop>();
  loop->run_until_complete([](detail::UniqueFd socket, std::optional<Connection>& made) -> Coro<> {
    made = adopt(std::move(socket));
    co_await settle();
  }(std::move(sockets.first), connection));
  EXPECT_EQ(::write(sockets.second.get(), "hello", 5), 5);
  in_child([&] { loop.reset(); });
  const std::string hello = loop->run_until_complete(
      [](StreamReader& reader) -> Coro<std::string> { co_return co_await reader.readexactly(5); }(connection->reader));
  EXPECT_EQ(hello, "hello");
  loop->close();
}

namespace {
// Leaves a connection with unread input to a loop that goes after everything that is local to the thread.
[[noreturn]] void exit_with_a_static_loop() {
  static EventLoop loop;
  static SocketPair sockets;
  sockets = tcp_sockets();
  static std::optional<Connection> connection;
  loop.run_until_complete([]() -> Coro<> {
    connection = adopt(std::move(sockets.first));
    EXPECT_EQ(::write(sockets.second.get(), "hello, world", 12), 12);
    (void)co_await connection->reader.read(1);
  }());
  std::exit(::testing::Test::HasFailure() ? 1 : 0);
}
}  // namespace

TEST(StreamReader, may_be_left_with_unread_input_to_the_end_of_the_program) {
  EXPECT_EXIT(exit_with_a_static_loop(), ::testing::ExitedWithCode(0), "^$");
}
