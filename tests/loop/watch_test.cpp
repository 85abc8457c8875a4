// SPDX-License-Identifier: MIT
#include <asyncio/testing.h>

#include "base/unique_fd.h"
#include "loop/fd_table.h"
#include "loop/loop_state.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <system_error>
#include <thread>

using namespace asyncio;
using namespace asyncio::detail;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

struct Pair {
  UniqueFd near;
  UniqueFd far;
};

Pair make_sockets() {
  int fds[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

UniqueFd event(unsigned count) { return UniqueFd(::eventfd(count, EFD_CLOEXEC | EFD_NONBLOCK)); }

void put(const UniqueFd& fd, std::string_view text) {
  EXPECT_EQ(::write(fd.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

// One byte.
std::string take(const UniqueFd& fd) {
  char byte = 0;
  return ::read(fd.get(), &byte, 1) == 1 ? std::string(1, byte) : "";
}

// What owns a descriptor as a stream does.
struct Owner final : lowlevel::WatchedFd {
  explicit Owner(const UniqueFd& fd) : lowlevel::WatchedFd(fd.get()) {}
  void ready(std::uint8_t) noexcept override { ++calls; }
  int calls = 0;
};

template <class F>
std::error_code error_of(F&& f) {
  try {
    f();
  } catch (const std::system_error& error) {
    return error.code();
  }
  return {};
}

ASYNC_TEST(Watch, an_owner_is_refused_what_is_no_descriptor_and_a_second_watch) {
  const Pair sockets = make_sockets();
  UniqueFd none;
  Owner nothing(none);
  EXPECT_EQ(error_of([&] { nothing.watch(get_running_loop()); }), std::errc::bad_file_descriptor);
  Owner owner(sockets.near);
  owner.watch(get_running_loop());
  EXPECT_THROW(owner.watch(get_running_loop()), RuntimeError);
  {
    EventLoop other;
    EXPECT_THROW(owner.watch(other), RuntimeError);
  }
  EXPECT_TRUE(owner.watched());
  owner.unwatch();
  co_return;
}

// BH-FD-01
ASYNC_TEST(Watch, a_reader_is_called_until_everything_is_read) {
  EventLoop& loop = get_running_loop();
  const Pair sockets = make_sockets();
  std::string text;
  loop.add_reader(sockets.near.get(), [&] { text += take(sockets.near); });
  co_await settle();
  EXPECT_EQ(text, "");
  put(sockets.far, "hello");
  co_await settle();
  EXPECT_EQ(text, "hello");
  put(sockets.far, "!");
  co_await settle();
  EXPECT_EQ(text, "hello!");
  EXPECT_TRUE(loop.remove_reader(sockets.near.get()));
  put(sockets.far, "more");
  co_await settle();
  EXPECT_EQ(text, "hello!");
}

// BH-FD-01
ASYNC_TEST(Watch, a_writer_is_called_at_every_poll_while_there_is_room) {
  EventLoop& loop = get_running_loop();
  const Pair sockets = make_sockets();
  int calls = 0;
  loop.add_writer(sockets.near.get(), [&] {
    if (++calls == 5) {
      EXPECT_TRUE(loop.remove_writer(sockets.near.get()));
    }
  });
  co_await settle();
  EXPECT_EQ(calls, 5);
}

// BH-FD-01
ASYNC_TEST(Watch, a_second_add_replaces_the_callback_and_destroys_the_first) {
  EventLoop& loop = get_running_loop();
  const UniqueFd fd = event(1);
  std::string log;
  const auto held = std::make_shared<int>();
  loop.add_reader(fd.get(), [&log, held] { log += "first "; });
  loop.add_reader(fd.get(), [&] {
    log += "second ";
    loop.remove_reader(fd.get());
  });
  EXPECT_EQ(held.use_count(), 1);
  co_await settle();
  EXPECT_EQ(log, "second ");
}

// BH-FD-01
ASYNC_TEST(Watch, a_callback_that_is_due_is_not_called_once_it_is_replaced) {
  EventLoop& loop = get_running_loop();
  const UniqueFd fds[2] = {event(1), event(1)};
  std::string log;
  for (int i : {0, 1}) {
    loop.add_reader(fds[i].get(), [&, other = fds[1 - i].get()] {
      log += "first ";
      loop.add_reader(other, [&log, &loop, other] {
        log += "replacement ";
        loop.remove_reader(other);
      });
      loop.remove_reader(fds[0].get() == other ? fds[1].get() : fds[0].get());
    });
  }
  co_await settle();
  EXPECT_EQ(log, "first replacement ");
}

// BH-FD-01
ASYNC_TEST(Watch, removing_says_whether_there_was_one) {
  EventLoop& loop = get_running_loop();
  const UniqueFd fd = event(0);
  EXPECT_FALSE(loop.remove_reader(fd.get()));
  EXPECT_FALSE(loop.remove_reader(-1));
  loop.add_reader(fd.get(), [] {});
  EXPECT_FALSE(loop.remove_writer(fd.get()));
  EXPECT_TRUE(loop.remove_reader(fd.get()));
  EXPECT_FALSE(loop.remove_reader(fd.get()));
  co_return;
}

// BH-FD-02
ASYNC_TEST(Watch, reader_and_writer_of_one_descriptor_are_independent) {
  EventLoop& loop = get_running_loop();
  const Pair sockets = make_sockets();
  const int fd = sockets.near.get();
  std::string text;
  int writes = 0;
  const auto write = [&] {
    if (++writes % 3 == 0) loop.remove_writer(fd);
  };
  loop.add_reader(fd, [&] { text += take(sockets.near); });
  loop.add_writer(fd, write);
  co_await settle();
  EXPECT_EQ(writes, 3);
  EXPECT_EQ(text, "");

  put(sockets.far, "ab");  // the reader is still there
  co_await settle();
  EXPECT_EQ(text, "ab");
  EXPECT_EQ(writes, 3);

  loop.add_writer(fd, write);  // and both at once
  put(sockets.far, "cd");
  co_await settle();
  EXPECT_EQ(text, "abcd");
  EXPECT_EQ(writes, 6);

  loop.add_writer(fd, write);
  EXPECT_TRUE(loop.remove_reader(fd));  // the writer stays
  put(sockets.far, "ef");
  co_await settle();
  EXPECT_EQ(text, "abcd");
  EXPECT_EQ(writes, 9);
}

// BH-FD-02
ASYNC_TEST(Watch, a_regular_file_is_a_permission_error) {
  EventLoop& loop = get_running_loop();
  const UniqueFd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(error_of([&] { loop.add_reader(file.get(), [] {}); }), std::errc::operation_not_permitted);
  EXPECT_EQ(error_of([&] { loop.add_writer(file.get(), [] {}); }), std::errc::operation_not_permitted);
  EXPECT_FALSE(loop.remove_reader(file.get()));
  EXPECT_FALSE(loop.remove_writer(file.get()));
  co_return;
}

// BH-FD-02
ASYNC_TEST(Watch, what_is_no_open_descriptor_is_a_value_error) {
  EventLoop& loop = get_running_loop();
  UniqueFd fd = event(0);
  const int closed = fd.get();
  fd.reset();
  for (const int bad : {-1, closed}) {
    EXPECT_THROW(loop.add_reader(bad, [] {}), ValueError);
    EXPECT_THROW(loop.add_writer(bad, [] {}), ValueError);
    EXPECT_FALSE(loop.remove_reader(bad));
  }
  co_return;
}

// BH-FD-03
ASYNC_TEST(Watch, what_a_stream_owns_is_refused) {
  EventLoop& loop = get_running_loop();
  FdTable& table = loop.state().fds;
  const UniqueFd fd = event(1);
  Owner owner(fd);
  Owner other(fd);
  table.own(owner);
  EXPECT_THROW(loop.add_reader(fd.get(), [] {}), RuntimeError);
  EXPECT_THROW(loop.add_writer(fd.get(), [] {}), RuntimeError);
  EXPECT_THROW(loop.remove_reader(fd.get()), RuntimeError);
  EXPECT_THROW(loop.remove_writer(fd.get()), RuntimeError);
  EXPECT_THROW(table.own(other), RuntimeError);
  co_await settle();
  EXPECT_EQ(owner.calls, 1);
  table.disown(other);  // had nothing
  EXPECT_THROW(loop.remove_reader(fd.get()), RuntimeError);
  table.disown(owner);
  loop.add_reader(fd.get(), [] {});
  EXPECT_TRUE(loop.remove_reader(fd.get()));
}

ASYNC_TEST(Watch, what_cannot_be_watched_is_not_owned) {
  EventLoop& loop = get_running_loop();
  const UniqueFd file(::open("/proc/self/status", O_RDONLY | O_CLOEXEC));
  Owner owner(file);
  EXPECT_THROW(loop.state().fds.own(owner), std::system_error);
  EXPECT_FALSE(loop.remove_reader(file.get()));
  co_return;
}

ASYNC_TEST(Watch, callbacks_of_a_descriptor_that_was_closed_leave_its_number_to_a_stream) {
  EventLoop& loop = get_running_loop();
  UniqueFd old = event(0);
  const int number = old.get();
  const auto held = std::make_shared<int>();
  loop.add_reader(number, [held] {});
  loop.add_writer(number, [&, held] { loop.remove_writer(number); });
  co_await settle();
  old.reset();  // forgotten: remove_reader()
  const UniqueFd fresh = event(1);
  require(fresh.get() == number);
  Owner owner(fresh);
  loop.state().fds.own(owner);
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_EQ(take_reports().size(), 1u);
  co_await settle();
  EXPECT_EQ(owner.calls, 1);
  loop.state().fds.disown(owner);
}

// BH-FD-04
ASYNC_TEST(Watch, a_callback_that_another_one_removes_in_the_same_iteration_does_not_run) {
  EventLoop& loop = get_running_loop();
  const UniqueFd fds[2] = {event(1), event(1)};
  int calls = 0;
  for (const UniqueFd& fd : fds) {
    loop.add_reader(fd.get(), [&] {
      ++calls;
      for (const UniqueFd& each : fds) EXPECT_TRUE(loop.remove_reader(each.get()));
    });
  }
  co_await settle();
  EXPECT_EQ(calls, 1);
}

// Both are due: the first one that runs closes the descriptor of the other.
ASYNC_TEST(Watch, a_number_that_is_used_again_in_the_same_iteration_gets_no_call_of_before) {
  EventLoop& loop = get_running_loop();
  UniqueFd first = event(1);
  UniqueFd second = event(1);
  UniqueFd fresh;
  int calls = 0;
  int calls_of_fresh = 0;
  const auto replace = [&](UniqueFd& own, UniqueFd& other) {
    ++calls;
    const int number = other.get();
    loop.remove_reader(own.get());
    loop.remove_reader(number);
    other.reset();
    fresh = event(0);
    require(fresh.get() == number);
    loop.add_reader(number, [&] {
      ++calls_of_fresh;
      eventfd_t count = 0;
      ::eventfd_read(fresh.get(), &count);
    });
  };
  loop.add_reader(first.get(), [&] { replace(first, second); });
  loop.add_reader(second.get(), [&] { replace(second, first); });
  co_await settle();
  co_await settle();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(calls_of_fresh, 0);
  require(::eventfd_write(fresh.get(), 1) == 0);
  co_await settle();
  EXPECT_EQ(calls_of_fresh, 1);
  EXPECT_TRUE(loop.remove_reader(fresh.get()));
}

// BH-FD-04
ASYNC_TEST(Watch, what_a_removed_callback_holds_is_destroyed_at_once_or_when_it_ends) {
  EventLoop& loop = get_running_loop();
  const UniqueFd fds[2] = {event(1), event(1)};
  const std::shared_ptr<int> held[2] = {std::make_shared<int>(), std::make_shared<int>()};
  int first = -1;
  for (int i : {0, 1}) {
    loop.add_reader(fds[i].get(), [&, i, mine = held[i]] {
      first = i;
      for (const UniqueFd& each : fds) loop.remove_reader(each.get());
      EXPECT_EQ(held[1 - i].use_count(), 1);
      EXPECT_EQ(mine.use_count(), 2);  // it runs
    });
  }
  co_await settle();
  require(first >= 0);
  EXPECT_EQ(held[first].use_count(), 1);
}

ASYNC_TEST(Watch, a_callback_may_add_itself_again_and_close_its_descriptor) {
  EventLoop& loop = get_running_loop();
  UniqueFd fd = event(1);
  int calls = 0;
  struct Again {
    void operator()() const {
      ++*calls;
      if (*calls < 3) {
        loop->add_reader(fd->get(), *this);
      } else {
        loop->remove_reader(fd->get());
        fd->reset();
      }
    }
    EventLoop* loop;
    UniqueFd* fd;
    int* calls;
  };
  loop.add_reader(fd.get(), Again{&loop, &fd, &calls});
  co_await settle();
  EXPECT_EQ(calls, 3);
}

ASYNC_TEST(Watch, a_destructor_of_what_a_callback_holds_may_use_the_table) {
  EventLoop& loop = get_running_loop();
  const UniqueFd fd = event(0);
  struct Remover {
    Remover(EventLoop& owner, int number) : loop(owner), fd(number) {}
    ~Remover() {
      loop.remove_reader(fd);
      loop.remove_writer(fd);
    }
    EventLoop& loop;
    int fd;
  };
  const auto callback = [&] { return [remover = std::make_shared<Remover>(loop, fd.get())] {}; };
  loop.add_reader(fd.get(), callback());
  EXPECT_TRUE(loop.remove_reader(fd.get()));
  loop.add_reader(fd.get(), callback());
  loop.add_reader(fd.get(), callback());  // destroying the first removes the second
  EXPECT_FALSE(loop.remove_reader(fd.get()));
  loop.add_reader(fd.get(), callback());
  loop.add_writer(fd.get(), [] {});
  EXPECT_TRUE(loop.remove_reader(fd.get()));
  EXPECT_FALSE(loop.remove_writer(fd.get()));
  co_return;
}

ASYNC_TEST(Watch, arguments_and_the_context_are_kept_for_every_call) {
  EventLoop& loop = get_running_loop();
  const UniqueFd fd = event(1);
  static ContextVar<std::string> variable("variable", "unset");
  std::string log;
  variable.set("set");
  loop.add_reader(
      fd.get(),
      [&](const std::string& name, int& count) {
        log += name + std::to_string(++count) + variable.get() + " ";
        if (count == 3) loop.remove_reader(fd.get());
      },
      std::string("call"), 0);
  variable.set("changed");
  co_await settle();
  EXPECT_EQ(log, "call1set call2set call3set ");
}

ASYNC_TEST(Watch, what_a_callback_throws_is_reported_and_it_is_called_on) {
  EventLoop& loop = get_running_loop();
  const UniqueFd fd = event(1);
  int calls = 0;
  loop.add_reader(fd.get(), [&] {
    if (++calls == 2) {
      loop.remove_reader(fd.get());
    } else {
      throw std::runtime_error("oops");
    }
  });
  co_await settle();
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(take_reports(), std::vector<std::string>{"Exception in a callback of a file descriptor: oops"});
}

ASYNC_TEST(Watch, the_end_and_an_error_call_whoever_is_there) {
  EventLoop& loop = get_running_loop();
  Pair ended = make_sockets();
  Pair full = make_sockets();
  std::string log;
  loop.add_reader(ended.near.get(), [&] {
    log += "end" + take(ended.near) + " ";
    loop.remove_reader(ended.near.get());
  });
  const std::string block(65536, 'x');
  while (::write(full.near.get(), block.data(), block.size()) > 0) {
  }
  loop.add_writer(full.near.get(), [&] {
    log += ::send(full.near.get(), "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE ? "broken " : "writable ";
    loop.remove_writer(full.near.get());
  });
  co_await settle();
  EXPECT_EQ(log, "");
  ended.far.reset();
  co_await settle();
  EXPECT_EQ(log, "end ");
  full.far.reset();
  co_await settle();
  EXPECT_EQ(log, "end broken ");
}

ASYNC_TEST(Watch, a_descriptor_that_a_callback_closes_without_removing_it_is_reported) {
  EventLoop& loop = get_running_loop();
  UniqueFd fd = event(1);
  const int number = fd.get();
  loop.add_reader(number, [&] { fd.reset(); });
  co_await settle();
  const std::vector<std::string> reports = take_reports();
  require(reports.size() == 1);
  EXPECT_NE(reports[0].find("was closed before remove_reader()"), std::string::npos) << reports[0];
  EXPECT_FALSE(loop.remove_reader(number));
}

ASYNC_TEST(Watch, a_number_that_is_another_files_now_is_watched_anew) {
  EventLoop& loop = get_running_loop();
  UniqueFd old = event(0);
  const int number = old.get();
  loop.add_reader(number, [] { ADD_FAILURE() << "the old callback"; });
  co_await settle();
  old.reset();  // forgotten: remove_reader()
  const UniqueFd fresh = event(1);
  require(fresh.get() == number);
  int calls = 0;
  loop.add_reader(number, [&] {
    ++calls;
    loop.remove_reader(number);
  });
  co_await settle();
  EXPECT_EQ(calls, 1);
}

ASYNC_TEST(Watch, what_can_be_read_comes_before_virtual_time_moves_on) {
  EventLoop& loop = get_running_loop();
  const Pair sockets = make_sockets();
  const TimePoint start = loop.time();
  TimePoint read_at;
  loop.add_reader(sockets.near.get(), [&] {
    read_at = loop.time();
    take(sockets.near);
  });
  co_await sleep(1s);
  put(sockets.far, "x");
  co_await sleep(1h);
  EXPECT_EQ(read_at, start + 1s);
  loop.remove_reader(sockets.near.get());
}

ASYNC_IO_TEST(Watch, another_thread_makes_it_readable) {
  EventLoop& loop = get_running_loop();
  const UniqueFd fd = event(0);
  Future<void> readable;
  loop.add_reader(fd.get(), [&] {
    readable.set_result();
    loop.remove_reader(fd.get());
  });
  std::thread other([&] { ::eventfd_write(fd.get(), 1); });
  co_await readable;
  other.join();
}

// BH-LOOP-18, BH-LOOP-19
TEST(WatchLoop, closing_the_loop_drops_callbacks_that_wait_or_are_due) {
  const UniqueFd fds[2] = {event(1), event(0)};
  const auto held = std::make_shared<int>();
  EventLoop loop;
  for (const UniqueFd& fd : fds) {
    loop.add_reader(fd.get(), [&, held] { loop.stop(); });
    loop.add_writer(fd.get(), [held] {});
  }
  loop.run_forever();
  EXPECT_EQ(held.use_count(), 5);
  loop.close();
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_FALSE(loop.remove_reader(fds[0].get()));
  EXPECT_FALSE(loop.remove_writer(fds[0].get()));
  EXPECT_THROW(loop.add_reader(fds[0].get(), [] {}), RuntimeError);
  EXPECT_THROW(loop.add_writer(fds[0].get(), [] {}), RuntimeError);
}

TEST(WatchLoop, in_debug_mode_another_thread_is_refused) {
  EventLoop loop;
  loop.set_debug(true);
  const UniqueFd fd = event(0);
  loop.add_reader(fd.get(), [] {});  // while it does not run, anybody may
  loop.call_soon([&] {
    std::thread([&] {
      EXPECT_THROW(loop.add_reader(fd.get(), [] {}), RuntimeError);
      EXPECT_THROW(loop.remove_reader(fd.get()), RuntimeError);
    }).join();
    loop.stop();
  });
  loop.run_forever();
  EXPECT_TRUE(loop.remove_reader(fd.get()));
}

}  // namespace
