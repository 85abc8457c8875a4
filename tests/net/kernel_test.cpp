// SPDX-License-Identifier: MIT
// What streams and servers do with answers that the kernel seldom gives.
#include "tests/net/kernel.h"

#include <asyncio/event_loop.h>
#include <asyncio/server.h>
#include <asyncio/testing.h>
#include <asyncio/timeout.h>

#include "tests/net/sockets.h"

#include <sys/un.h>

#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

using namespace asyncio;
using namespace asyncio::detail;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

Coro<> greet(StreamReader, StreamWriter writer) {
  writer.write("hi");
  co_return;
}

Coro<std::string> take(detail::ReadString operation) { co_return co_await std::move(operation); }

void put(const UniqueFd& fd, std::string_view text) {
  EXPECT_EQ(::write(fd.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

void put_urgent(const UniqueFd& fd, char byte) { EXPECT_EQ(::send(fd.get(), &byte, 1, MSG_OOB | MSG_NOSIGNAL), 1); }

void put_with_descriptor(const UniqueFd& fd, std::string_view text, int given) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof given)] = {};
  iovec piece{const_cast<char*>(text.data()), text.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof given);
  std::memcpy(CMSG_DATA(header), &given, sizeof given);
  EXPECT_EQ(::sendmsg(fd.get(), &message, 0), static_cast<ssize_t>(text.size()));
}

// A Unix listener, of an abstract name, that takes no more connections.
class FullUnixListener {
 public:
  FullUnixListener() : name_(std::string("\0kernel_test.", 13) + std::to_string(::getpid())) {
    SocketAddress address = SocketAddress::of_unix(name_);
    EXPECT_EQ(::bind(listener_.get(), address.get(), address.length), 0);
    EXPECT_EQ(::listen(listener_.get(), 0), 0);
    for (bool fits = true; fits;) {
      UniqueFd client = make_socket(AF_UNIX, SOCK_STREAM);
      fits = ::connect(client.get(), address.get(), address.length) == 0;
      if (fits) waiting_.push_back(std::move(client));
    }
  }
  const std::string& name() const { return name_; }
  UniqueFd accept_one() { return UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)); }

 private:
  std::string name_;
  UniqueFd listener_ = make_socket(AF_UNIX, SOCK_STREAM);
  std::vector<UniqueFd> waiting_;
};

}  // namespace

// --- a receive that gives less than it had room for, though there is more

ASYNC_IO_TEST(StreamReader, what_comes_behind_an_urgent_byte_is_read_wherever_that_stands) {
  for (const std::string before : {"", "abc"}) {
    for (const bool reads_already : {false, true}) {
      SocketPair sockets = tcp_sockets();
      Connection connection = adopt(std::move(sockets.first));
      Task<std::string> reading;
      if (reads_already) {
        reading = create_task(take(connection.reader.readexactly(before.size() + 3)));
        co_await settle();
      }
      if (!before.empty()) put(sockets.second, before);
      put_urgent(sockets.second, '!');
      put(sockets.second, "END");
      if (!reads_already) reading = create_task(take(connection.reader.readexactly(before.size() + 3)));
      const std::string all = co_await reading;
      EXPECT_EQ(all, before + "END");
      // And again, when the first mark is behind us; each byte by itself.
      for (int i = 0; i < 20; ++i) {
        put(sockets.second, "x");
        put_urgent(sockets.second, '!');
        put(sockets.second, "yz");
        const std::string more = co_await connection.reader.readexactly(3);
        EXPECT_EQ(more, "xyz");
      }
      connection.writer.close();
    }
  }
}

ASYNC_IO_TEST(StreamReader, a_close_takes_in_what_comes_behind_an_urgent_byte) {
  SocketPair sockets = tcp_sockets();
  Connection connection = adopt(std::move(sockets.first));
  put(sockets.second, "abc");
  put_urgent(sockets.second, '!');
  put(sockets.second, "END");
  co_await settle();
  connection.writer.write("last");
  connection.writer.close();
  co_await connection.writer.wait_closed();
  const std::string last = co_await receive(sockets.second, 10);  // a reset would have taken it away
  EXPECT_EQ(last, "last");
  EXPECT_EQ(option_of(sockets.second.get(), SOL_SOCKET, SO_ERROR), 0);
}

ASYNC_IO_TEST(StreamReader, what_comes_behind_a_message_with_descriptors_is_read_and_those_are_closed) {
  SocketPair sockets = unix_sockets();
  Connection connection = adopt(std::move(sockets.first));
  int pipe[2];
  require(::pipe2(pipe, O_CLOEXEC | O_NONBLOCK) == 0);
  const UniqueFd reading_end(pipe[0]);
  UniqueFd writing_end(pipe[1]);
  for (int i = 0; i < 3; ++i) put_with_descriptor(sockets.second, "abc", writing_end.get());
  put(sockets.second, "END");
  writing_end.reset();
  const std::string all = co_await connection.reader.readexactly(12);
  EXPECT_EQ(all, "abcabcabcEND");
  char byte = 0;
  EXPECT_EQ(::read(reading_end.get(), &byte, 1), 0);  // nobody has the other end any more
}

ASYNC_IO_TEST(StreamReader, an_interrupted_receive_is_repeated) {
  SocketPair sockets = tcp_sockets();
  Connection connection = adopt(std::move(sockets.first));
  put(sockets.second, "hello");
  Kernel kernel;
  kernel.fail(Call::recv, EINTR, 3);
  const std::string hello = co_await connection.reader.readexactly(5);
  EXPECT_EQ(hello, "hello");
  EXPECT_EQ(kernel.calls(Call::recv), 4);
}

// The second receive that would only find nothing is spared where its answer is known.
ASYNC_IO_TEST(StreamReader, receives_a_short_message_over_tcp_with_one_call) {
  SocketPair sockets = tcp_sockets();
  Connection connection = adopt(std::move(sockets.first));
  auto reading = create_task(take(connection.reader.read(100)));
  co_await settle();
  Kernel kernel;
  put(sockets.second, "hello");
  co_await reading;
  reading = create_task(take(connection.reader.read(100)));
  co_await settle();
  EXPECT_EQ(kernel.calls(Call::recv), 1);
  put(sockets.second, "world");
  const std::string world = co_await reading;
  EXPECT_EQ(world, "world");
}

ASYNC_IO_TEST(StreamWriter, sends_on_what_is_taken_byte_by_byte_and_with_interruptions) {
  SocketPair sockets = tcp_sockets();
  Connection connection = adopt(std::move(sockets.first));
  Kernel kernel;
  kernel.limit(Call::send, 1);
  kernel.fail(Call::send, EINTR, 2, 5);
  connection.writer.write("hello, world");
  EXPECT_EQ(connection.writer.get_write_buffer_size(), 0u);
  EXPECT_EQ(kernel.calls(Call::send), 14);
  char room[20];
  EXPECT_EQ(::read(sockets.second.get(), room, sizeof room), 12);
  EXPECT_EQ(std::string_view(room, 12), "hello, world");
  co_return;
}

// --- accept

ASYNC_TEST(Server, goes_on_after_every_shortage_of_the_system) {
  auto server = co_await start_server(greet, "127.0.0.1", 0);
  for (const int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM}) {
    Kernel kernel;
    kernel.fail(Call::accept, error, 2);
    const UniqueFd client = plain_client(server.port());
    co_await until([&] { return kernel.calls(Call::accept) == 1; });
    EXPECT_EQ(take_reports().size(), 1u);
    co_await sleep(1s);
    EXPECT_EQ(take_reports().size(), 1u);  // the second
    EXPECT_EQ(kernel.calls(Call::accept), 2);
    co_await sleep(1s);
    const std::string hi = co_await receive(client, 2);
    EXPECT_EQ(hi, "hi");
    EXPECT_TRUE(server.is_serving());
  }
}

ASYNC_TEST(Server, passes_over_a_connection_that_fails_before_it_is_accepted) {
  auto server = co_await start_server(greet, "127.0.0.1", 0);
  for (const int error : {ECONNABORTED, EINTR, EPERM, EPROTO, ENETDOWN, ENETUNREACH, EHOSTDOWN, EHOSTUNREACH, ENONET,
                          ENOPROTOOPT, EOPNOTSUPP, ETIMEDOUT}) {
    Kernel kernel;
    kernel.fail(Call::accept, error, 3);
    const UniqueFd client = plain_client(server.port());
    const std::string hi = co_await receive(client, 2);
    EXPECT_EQ(hi, "hi");
  }
}

ASYNC_TEST(Server, that_is_refused_every_accept_tries_at_times_instead_of_all_the_time) {
  auto server = co_await start_server(greet, "127.0.0.1", 0);
  Kernel kernel;
  kernel.fail(Call::accept, EPERM, 128);
  const UniqueFd client = plain_client(server.port());
  std::vector<std::string> reports;
  co_await until([&] {
    reports = take_reports();
    return !reports.empty();
  });
  EXPECT_NE(reports.front().find("not permitted"), std::string::npos) << reports.front();
  EXPECT_EQ(kernel.calls(Call::accept), 64);
  co_await settle();
  EXPECT_EQ(kernel.calls(Call::accept), 64);
  co_await sleep(2s);
  EXPECT_EQ(take_reports().size(), 1u);
  const std::string hi = co_await receive(client, 2);
  EXPECT_EQ(hi, "hi");
}

// --- connect

ASYNC_IO_TEST(OpenConnection, goes_on_where_the_attempt_is_interrupted) {
  auto server = co_await start_server(greet, "127.0.0.1", 0);
  Kernel kernel;
  kernel.fail(Call::connect, EINTR);
  Connection connection = co_await open_connection("127.0.0.1", server.port());
  const std::string hi = co_await connection.reader.readexactly(2);
  EXPECT_EQ(hi, "hi");
  EXPECT_EQ(kernel.calls(Call::connect), 1);
}

ASYNC_IO_TEST(OpenUnixConnection, tries_again_where_the_attempt_is_interrupted_or_the_backlog_full) {
  const std::string name = std::string("\0kernel_test.", 13) + std::to_string(::getpid());
  auto server = co_await start_unix_server(greet, name);
  Kernel kernel;
  kernel.fail(Call::connect, EINTR, 2);
  kernel.fail(Call::connect, EAGAIN, 3);
  Connection connection = co_await open_unix_connection(name);
  const std::string hi = co_await connection.reader.readexactly(2);
  EXPECT_EQ(hi, "hi");
  EXPECT_EQ(kernel.calls(Call::connect), 6);
}

ASYNC_IO_TEST(OpenUnixConnection, waits_for_a_listener_whose_backlog_is_full) {
  FullUnixListener full;
  auto opening = create_task(open_unix_connection(full.name()));
  co_await sleep(5ms);
  EXPECT_FALSE(opening.done());
  const UniqueFd first = full.accept_one();  // makes room
  const Connection connection = co_await std::move(opening);
  EXPECT_FALSE(connection.writer.is_closing());
}

ASYNC_IO_TEST(OpenUnixConnection, that_waits_for_room_can_be_cancelled_and_has_its_deadline) {
  FullUnixListener full;
  auto opening = create_task(open_unix_connection(full.name()));
  co_await settle();
  opening.cancel();
  co_await settle();
  EXPECT_TRUE(opening.cancelled());
  const bool late = co_await throws<TimeoutError>(wait_for(open_unix_connection(full.name()), 10ms));
  EXPECT_TRUE(late);
}

// Like that over TCP: it is for the kernel that it waits.
ASYNC_TEST(OpenUnixConnection, that_waits_for_room_holds_a_virtual_clock) {
  FullUnixListener full;
  bool timer_ran = false;
  const TimerHandle timer = get_running_loop().call_later(1h, [&] { timer_ran = true; });
  auto opening = create_task(open_unix_connection(full.name()));
  co_await settle();
  const UniqueFd first = full.accept_one();
  co_await std::move(opening);
  EXPECT_FALSE(timer_ran);
  timer.cancel();
}

// --- who uses the descriptor

ASYNC_IO_TEST(StreamWriter, its_socket_cannot_be_watched_by_others_until_it_is_closed) {
  EventLoop& loop = get_running_loop();
  auto server = co_await start_server(
      [](StreamReader reader, StreamWriter writer) -> Coro<> {
        while (auto line = co_await reader.next_line()) writer.write(*line);
      },
      "127.0.0.1", 0);
  Connection connection = co_await open_connection("127.0.0.1", server.port());
  const int listening = server.sockets().front().fileno();
  const int connected = std::get<int>(connection.writer.get_extra_info("socket"));
  for (const int fd : {listening, connected}) {
    EXPECT_THROW(loop.add_reader(fd, [] {}), RuntimeError);
    EXPECT_THROW(loop.add_writer(fd, [] {}), RuntimeError);
    EXPECT_THROW(loop.remove_reader(fd), RuntimeError);
    EXPECT_THROW(loop.remove_writer(fd), RuntimeError);
  }
  connection.writer.write("still\n");
  const std::string line = co_await connection.reader.readline();
  EXPECT_EQ(line, "still\n");
  connection.writer.close();
  server.close();
  co_await server.wait_closed();
  for (const int fd : {listening, connected}) EXPECT_FALSE(loop.remove_reader(fd));
}

// --- how many sends there are

ASYNC_IO_TEST(StreamWriter, sends_what_a_cork_has_gathered_at_once) {
  SocketPair sockets = tcp_sockets();
  Connection connection = adopt(std::move(sockets.first));
  Kernel kernel;
  {
    const StreamWriter::Cork cork(connection.writer);
    for (int i = 0; i < 100; ++i) connection.writer.write("piece ");
    EXPECT_EQ(kernel.calls(Call::send), 0);
  }
  EXPECT_EQ(kernel.calls(Call::send), 1);
  connection.writer.write("one ", "two ", std::string(100'000, 'x'));
  EXPECT_EQ(kernel.calls(Call::send), 2);
  connection.writer.writelines(std::vector<std::string>{"small", std::string(50'000, 'x'), "small too"});
  EXPECT_EQ(kernel.calls(Call::send), 4);  // the large one goes with what was before it
  co_return;
}
