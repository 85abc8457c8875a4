// SPDX-License-Identifier: MIT
// Waits for descriptors that the library has no class of.
#include <asyncio/lowlevel/fd_ready.h>

#include <asyncio/event_loop.h>
#include <asyncio/testing.h>

#include "tests/net/sockets.h"

#include <fcntl.h>
#include <unistd.h>

#include <string>

using namespace asyncio;
using namespace asyncio::testing;

namespace {

Coro<> wait_readable(int fd) { co_await lowlevel::readable(fd); }
Coro<> wait_writable(int fd) { co_await lowlevel::writable(fd); }

}  // namespace

ASYNC_IO_TEST(FdReady, waits_until_there_is_something_to_read) {
  SocketPair sockets = unix_sockets();
  auto waiting = create_task(wait_readable(sockets.first.get()));
  co_await settle();
  EXPECT_FALSE(waiting.done());
  EXPECT_EQ(::write(sockets.second.get(), "x", 1), 1);
  co_await waiting;
  co_await lowlevel::readable(sockets.first.get());  // it is there still
  EXPECT_EQ(drain_socket(sockets.first), "x");
  sockets.second.reset();
  co_await lowlevel::readable(sockets.first.get());  // the end
}

ASYNC_IO_TEST(FdReady, waits_for_both_directions_of_a_descriptor_at_a_time) {
  SocketPair sockets = unix_sockets();
  fill(sockets.first);
  auto reading = create_task(wait_readable(sockets.first.get()));
  auto writing = create_task(wait_writable(sockets.first.get()));
  co_await settle();
  EXPECT_FALSE(writing.done());
  (void)drain_socket(sockets.second);
  co_await writing;
  EXPECT_FALSE(reading.done());
  EXPECT_EQ(::write(sockets.second.get(), "x", 1), 1);
  co_await reading;
}

ASYNC_IO_TEST(FdReady, is_refused_where_something_else_waits) {
  SocketPair sockets = unix_sockets();
  const int fd = sockets.first.get();
  auto waiting = create_task(wait_readable(fd));
  co_await settle();
  const bool second = co_await throws<RuntimeError>(lowlevel::readable(fd));
  EXPECT_TRUE(second);
  EXPECT_FALSE(waiting.done());
  waiting.cancel();
  co_await settle();
  EXPECT_TRUE(waiting.cancelled());
  get_running_loop().add_reader(fd, [] {});  // which is free again
  const bool third = co_await throws<RuntimeError>(lowlevel::readable(fd));
  EXPECT_TRUE(third);
  EXPECT_TRUE(get_running_loop().remove_reader(fd));
  const Connection owner = adopt(std::move(sockets.first));
  const bool owned = co_await throws<RuntimeError>(lowlevel::writable(fd));
  EXPECT_TRUE(owned);
}

// It would never go on.
ASYNC_IO_TEST(FdReady, is_not_replaced_or_removed_by_callbacks) {
  EventLoop& loop = get_running_loop();
  SocketPair sockets = unix_sockets();
  const int fd = sockets.first.get();
  fill(sockets.first);
  auto reading = create_task(wait_readable(fd));
  auto writing = create_task(wait_writable(fd));
  co_await settle();
  EXPECT_THROW(loop.add_reader(fd, [] {}), RuntimeError);
  EXPECT_THROW(loop.add_writer(fd, [] {}), RuntimeError);
  EXPECT_THROW(loop.remove_reader(fd), RuntimeError);
  EXPECT_THROW(loop.remove_writer(fd), RuntimeError);
  EXPECT_EQ(::write(sockets.second.get(), "x", 1), 1);
  co_await reading;
  loop.add_reader(fd, [] {});  // which is free again
  EXPECT_TRUE(loop.remove_reader(fd));
  (void)drain_socket(sockets.second);
  co_await writing;
  EXPECT_FALSE(loop.remove_writer(fd));
}

// Closed too early: a mistake, but no reason to wait for ever.
ASYNC_IO_TEST(FdReady, ends_where_a_stream_gets_the_number_of_the_descriptor) {
  SocketPair sockets = unix_sockets();
  SocketPair others = unix_sockets();
  const int fd = sockets.first.get();
  auto reading = create_task(wait_readable(fd));
  co_await settle();
  EXPECT_EQ(::dup2(others.first.get(), fd), fd);
  const Connection owner = adopt(std::move(sockets.first));
  co_await reading;
  EXPECT_EQ(take_reports().size(), 1u);
  const bool refused = co_await throws<RuntimeError>(lowlevel::readable(fd));
  EXPECT_TRUE(refused);
}

ASYNC_IO_TEST(FdReady, of_what_cannot_be_waited_for_is_an_error) {
  const bool closed = co_await throws<ValueError>(lowlevel::readable(12345));
  EXPECT_TRUE(closed);
  const detail::UniqueFd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  const std::error_code code = co_await error_of(lowlevel::readable(file.get()));
  EXPECT_EQ(code, std::errc::operation_not_permitted);
}

ASYNC_TEST(FdReady, has_a_virtual_clock_stand_still) {
  SocketPair sockets = unix_sockets();
  bool timer_ran = false;
  const TimerHandle timer = get_running_loop().call_later(std::chrono::hours(1), [&] { timer_ran = true; });
  get_running_loop().call_soon([&] { EXPECT_EQ(::write(sockets.second.get(), "x", 1), 1); });
  co_await lowlevel::readable(sockets.first.get());
  EXPECT_FALSE(timer_ran);
  timer.cancel();
}

TEST(FdReady, may_wait_when_its_loop_is_closed) {
  SocketPair sockets = unix_sockets();
  EventLoop loop;
  loop.set_exception_handler([](EventLoop&, const ExceptionContext&) {});
  Task<> waiting = loop.create_task(wait_readable(sockets.first.get()));
  loop.run_until_complete([]() -> Coro<> { co_await settle(); }());
  EXPECT_FALSE(waiting.done());
  loop.close();
  EXPECT_TRUE(waiting.cancelled());
}
