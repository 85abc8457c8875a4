// SPDX-License-Identifier: MIT
// In debug mode no call of a stream or a server works in another thread than its loop's, and none that is refused has
// changed anything.
#include <asyncio/lowlevel/transport.h>
#include <asyncio/server.h>
#include <asyncio/testing.h>

#include "tests/net/sockets.h"

#include <functional>
#include <string>
#include <thread>
#include <vector>

using namespace asyncio;
using namespace asyncio::testing;

namespace {

struct Case {
  std::string operation;  // as the message names it
  std::function<void()> call;
};

// Awaits it in a loop of the thread that calls.
template <class A>
void wait_for_it(A awaitable) {
  EventLoop own;
  own.run_until_complete(detail::as_coro(std::move(awaitable)));
}

std::string message_in_another_thread(const std::function<void()>& call) {
  std::string message = "nothing was thrown";
  std::thread([&] {
    try {
      call();
    } catch (const RuntimeError& error) {
      message = error.what();
    }
  }).join();
  return message;
}

void expect_refusals(const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    EXPECT_EQ(message_in_another_thread(one.call),
              one.operation +
                  " is not thread-safe, and was called from another thread than the loop's: use call_soon_threadsafe");
  }
}

Coro<> greet(StreamReader, StreamWriter writer) {
  writer.write("hello");
  co_return;
}

}  // namespace

ASYNC_IO_TEST(OtherThread, cannot_use_a_stream) {
  StreamPair pair = make_stream_pair(10);
  StreamWriter& writer = pair.first.writer;
  StreamReader& reader = pair.first.reader;
  writer.write("kept by the carrier and by the writer");
  pair.second.writer.write("unread");
  co_await settle();
  get_running_loop().set_debug(true);
  std::array<std::byte, 4> room{};
  bool swapped = false;
  expect_refusals({
      {"StreamWriter.write", [&] { writer.write("x"); }},
      {"StreamWriter.write", [&] { writer.write("x", "y"); }},
      {"StreamWriter.Cork", [&] { writer.writelines(std::vector<std::string>{"x"}); }},
      {"StreamWriter.Cork", [&] { const StreamWriter::Cork cork(writer); }},
      {"StreamWriter.write_eof", [&] { writer.write_eof(); }},
      {"StreamWriter.close", [&] { writer.close(); }},
      {"StreamWriter.abort", [&] { writer.abort(); }},
      {"StreamWriter.set_write_buffer_limits", [&] { writer.set_write_buffer_limits(1); }},
      {"StreamWriter.drain", [&] { wait_for_it(writer.drain()); }},
      {"StreamWriter.wait_closed", [&] { wait_for_it(writer.wait_closed()); }},
      {"StreamWriter.wait_disconnected", [&] { wait_for_it(writer.wait_disconnected()); }},
      {"StreamReader.unread", [&] { reader.unread("x"); }},
      {"StreamReader.read", [&] { wait_for_it(reader.read()); }},
      {"StreamReader.read", [&] { wait_for_it(reader.read(1)); }},
      {"StreamReader.readexactly", [&] { wait_for_it(reader.readexactly(1)); }},
      {"StreamReader.readline", [&] { wait_for_it(reader.readline()); }},
      {"StreamReader.readline", [&] { wait_for_it(reader.next_line()); }},
      {"StreamReader.readuntil", [&] { wait_for_it(reader.readuntil("x")); }},
      {"StreamReader.read_into", [&] { wait_for_it(reader.read_into(room)); }},
      {"swap_carrier",
       [&] {
         lowlevel::swap_carrier(writer, [&](lowlevel::Handover old) {
           swapped = true;
           return std::move(old.carrier);
         });
       }},
  });
  get_running_loop().set_debug(false);
  EXPECT_FALSE(swapped);
  EXPECT_FALSE(writer.is_closing());
  EXPECT_EQ(writer.get_write_buffer_size(), std::string("kept by the carrier and by the writer").size() - 10);
  writer.close();
  const std::string got = co_await pair.second.reader.read();
  EXPECT_EQ(got, "kept by the carrier and by the writer");
  const std::string unread = co_await reader.read(100);
  EXPECT_EQ(unread, "");  // it has been closed
}

ASYNC_IO_TEST(OtherThread, cannot_use_a_server) {
  Server server = co_await start_server(greet, "127.0.0.1", 0);
  Server idle = co_await start_server(greet, "127.0.0.1", 0, {.start_serving = false});
  Connection client = co_await open_connection("127.0.0.1", server.port());
  get_running_loop().set_debug(true);
  expect_refusals({
      {"Server.close", [&] { server.close(); }},
      {"Server.close_clients", [&] { server.close_clients(); }},
      {"Server.abort_clients", [&] { server.abort_clients(); }},
      {"Server.start_serving", [&] { wait_for_it(idle.start_serving()); }},
      {"Server.serve_forever", [&] { wait_for_it(idle.serve_forever()); }},
      {"Server.wait_closed", [&] { wait_for_it(server.wait_closed()); }},
      {"Server.exit", [&] { wait_for_it(server.exit(nullptr)); }},
  });
  get_running_loop().set_debug(false);
  EXPECT_TRUE(server.is_serving());
  EXPECT_FALSE(idle.is_serving());
  const std::string hello = co_await client.reader.read();
  EXPECT_EQ(hello, "hello");
}
