// SPDX-License-Identifier: MIT
#include <asyncio/server.h>
#include <asyncio/testing.h>

#include "tests/net/sockets.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

using namespace asyncio;
using namespace asyncio::testing;

namespace {

Coro<std::string> ask(std::string path, std::string line) {
  Connection connection = co_await open_unix_connection(path);
  connection.writer.write(line);
  const std::string answer = co_await connection.reader.readline();
  co_return answer;
}

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "unix_test.XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  std::string file(const char* name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

bool is_socket(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
}

}  // namespace

// BH-UNIX-02
ASYNC_IO_TEST(UnixServer, serves_at_a_path_and_removes_it_when_it_is_closed) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("socket");
  auto server = co_await start_unix_server(echo, path);
  EXPECT_TRUE(is_socket(path));
  const std::string answer = co_await ask(path, "hello\n");
  EXPECT_EQ(answer, "hello\n");
  EXPECT_EQ(server.sockets().front().getsockname(), Address(path, 0));
  EXPECT_EQ(server.port(), 0);
  server.close();
  EXPECT_FALSE(std::filesystem::exists(path));
  co_await server.wait_closed();
}

// BH-UNIX-02
ASYNC_IO_TEST(UnixServer, leaves_the_path_to_whoever_has_it_now) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("socket");
  auto server = co_await start_unix_server(echo, path);
  std::filesystem::remove(path);
  std::ofstream(path) << "another file";
  server.close();
  EXPECT_TRUE(std::filesystem::is_regular_file(path));
  std::filesystem::remove(path);

  auto first = co_await start_unix_server(echo, path);
  auto second = co_await start_unix_server(echo, path);  // takes the place of the first
  first.close();
  EXPECT_TRUE(is_socket(path));
  const std::string answer = co_await ask(path, "hello\n");
  EXPECT_EQ(answer, "hello\n");
}

// BH-UNIX-02
ASYNC_IO_TEST(UnixServer, leaves_the_path_where_it_is_told_to) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("socket");
  {
    auto server = co_await start_unix_server(echo, path, {.cleanup_socket = false});
  }
  EXPECT_TRUE(is_socket(path));
}

// BH-UNIX-01
ASYNC_IO_TEST(UnixServer, replaces_a_socket_that_was_left_behind) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("socket");
  {
    auto server = co_await start_unix_server(echo, path, {.cleanup_socket = false});
  }
  const std::error_code code = co_await error_of(open_unix_connection(path));
  EXPECT_EQ(code, std::errc::connection_refused);
  auto server = co_await start_unix_server(echo, path);
  const std::string answer = co_await ask(path, "hello\n");
  EXPECT_EQ(answer, "hello\n");
}

// BH-UNIX-01
ASYNC_IO_TEST(UnixServer, does_not_replace_any_other_file) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("file");
  std::ofstream(path) << "precious";
  std::string what;
  std::error_code code;
  try {
    auto server = co_await start_unix_server(echo, path);
  } catch (const std::system_error& error) {
    what = error.what();
    code = error.code();
  }
  EXPECT_EQ(code, std::errc::address_in_use);
  EXPECT_NE(what.find(path), std::string::npos) << what;
  EXPECT_TRUE(std::filesystem::is_regular_file(path));
}

// BH-UNIX-03
ASYNC_IO_TEST(UnixServer, serves_at_an_abstract_name) {
  const std::string name = std::string("\0unix_test.", 11) + std::to_string(::getpid());
  auto server = co_await start_unix_server(echo, name);
  const std::string answer = co_await ask(name, "hello\n");
  EXPECT_EQ(answer, "hello\n");
  EXPECT_EQ(server.sockets().front().getsockname().host(), name);
  std::string what;
  try {
    auto second = co_await start_unix_server(echo, name);
  } catch (const std::system_error& error) {
    what = error.what();
  }
  EXPECT_NE(what.find("'@unix_test."), std::string::npos) << what;
}

// BH-UNIX-04
ASYNC_IO_TEST(UnixServer, gives_its_file_the_mode_that_is_asked_for) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("socket");
  auto server = co_await start_unix_server(echo, path, {.start_serving = false, .mode = 0600});
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_FALSE(server.is_serving());
}

// BH-UNIX-03
ASYNC_IO_TEST(UnixServer, refuses_a_path_that_does_not_fit) {
  const bool empty = co_await throws<ValueError>(start_unix_server(echo, ""));
  EXPECT_TRUE(empty);
  const bool too_long = co_await throws<ValueError>(start_unix_server(echo, std::string(108, 'x')));
  EXPECT_TRUE(too_long);
  const bool too_long_to_connect = co_await throws<ValueError>(open_unix_connection(std::string(200, 'x')));
  EXPECT_TRUE(too_long_to_connect);
}

ASYNC_IO_TEST(UnixServer, that_cannot_start_leaves_no_file) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("socket");
  const bool refused = co_await throws<ValueError>(start_unix_server(echo, path, {.limit = 0}));
  EXPECT_TRUE(refused);
  EXPECT_FALSE(std::filesystem::exists(path));
}

ASYNC_IO_TEST(OpenUnixConnection, fails_where_there_is_no_such_path) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("nothing");
  std::string what;
  std::error_code code;
  try {
    co_await open_unix_connection(path);
  } catch (const std::system_error& error) {
    what = error.what();
    code = error.code();
  }
  EXPECT_EQ(code, std::errc::no_such_file_or_directory);
  EXPECT_NE(what.find(path), std::string::npos) << what;
}

ASYNC_IO_TEST(OpenUnixConnection, owns_its_path_and_takes_a_limit) {
  const TemporaryDirectory directory;
  auto server = co_await start_unix_server(echo, directory.file("socket"));
  std::optional<Coro<Connection>> opening;
  {
    std::string path = directory.file("socket");
    opening.emplace(open_unix_connection(path, {.limit = 4}));
    path.assign(path.size(), 'x');
  }
  Connection connection = co_await std::move(*opening);
  EXPECT_EQ(connection.reader.limit(), 4u);
  EXPECT_EQ(connection.writer.peername().host(), directory.file("socket"));
  EXPECT_EQ(connection.writer.sockname(), Address());
  const bool refused = co_await throws<ValueError>(open_unix_connection(directory.file("socket"), {.limit = 0}));
  EXPECT_TRUE(refused);
}
