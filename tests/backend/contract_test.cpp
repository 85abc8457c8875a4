// SPDX-License-Identifier: MIT
// What every kernel interface has to do: what it tells, and of whom.
#include "contract.h"

using namespace asyncio;
using namespace asyncio::detail;

namespace {

TEST_P(BackendContract, it_has_the_name_that_it_is_asked_for_with) {
  EXPECT_EQ(backend_->kind(), GetParam() == Tested::epoll ? Backend::epoll : Backend::io_uring);
}

// --- edges

TEST_P(BackendContract, the_first_ready_tells_what_is_possible_already) {
  const Pair pipe = make_pipe();
  const Pair sockets = make_sockets();
  put(pipe.far, "x");
  Watched reader(pipe.near);
  Watched writer(pipe.far);
  Watched socket(sockets.near);
  for (Watched* watched : {&reader, &writer, &socket}) backend_->watch(*watched);
  EXPECT_TRUE(reader.watched());
  poll_all();
  EXPECT_EQ(reader.seen, can_read);
  EXPECT_EQ(writer.seen, can_write);
  EXPECT_EQ(socket.seen, can_write);
  for (Watched* watched : {&reader, &writer, &socket}) backend_->unwatch(*watched);
  EXPECT_FALSE(reader.watched());
}

TEST_P(BackendContract, an_edge_is_told_once_and_the_next_one_again) {
  const Pair sockets = make_sockets();
  Watched watched(sockets.near);
  backend_->watch(watched);
  poll_all();
  for (int i = 0; i < 3; ++i) {
    watched.forget();
    put(sockets.far, "x");
    poll_all();
    EXPECT_EQ(watched.calls, 1);
    EXPECT_EQ(watched.seen & can_read, can_read);
  }
  watched.forget();
  poll_all();
  EXPECT_EQ(watched.calls, 0);
  backend_->unwatch(watched);
}

TEST_P(BackendContract, data_that_arrive_after_a_short_read_are_an_edge) {
  const Pair tcp = make_tcp();
  Watched watched(tcp.near);
  backend_->watch(watched);
  poll_all();
  watched.forget();
  constexpr int messages = 100;
  for (int i = 0; i < messages; ++i) {
    const int before = watched.calls;
    put(tcp.far, "ping");
    until([&] { return watched.calls > before; });
    EXPECT_EQ(take(tcp.near.get()), "ping");
    put(tcp.near, "pong");
    poll_all();
    EXPECT_EQ(take(tcp.far.get()), "pong");
  }
  EXPECT_LE(watched.calls, messages + 5) << "more completions than messages";
  backend_->unwatch(watched);
}

TEST_P(BackendContract, room_in_a_full_socket_is_an_edge) {
  for (const Pair& pair : {make_sockets(), make_tcp()}) {
    Watched watched(pair.near);
    backend_->watch(watched);
    poll_all();
    fill(pair.near);
    poll_all();
    watched.forget();
    const std::int64_t end = backend_->now() + patience;
    while ((watched.seen & can_write) == 0 && backend_->now() < end) {
      drain(pair.far);
      backend_->poll(0);
    }
    EXPECT_EQ(watched.seen & can_write, can_write);
    backend_->unwatch(watched);
  }
}

TEST_P(BackendContract, the_end_of_a_stream_is_readable_and_hung_up) {
  for (const Pair& pair : {make_sockets(), make_tcp()}) {
    Watched watched(pair.near);
    backend_->watch(watched);
    poll_all();
    watched.forget();
    ::shutdown(pair.far.get(), SHUT_WR);
    until_seen(watched, can_read | hung_up);
    EXPECT_EQ(watched.seen & failed, 0);
    EXPECT_EQ(take(pair.near.get()), "");
    backend_->unwatch(watched);
  }
}

TEST_P(BackendContract, an_urgent_mark_is_told_of_and_plain_data_are_not_taken_for_one_for_long) {
  const Pair pair = make_tcp();
  Watched watched(pair.near);
  backend_->watch(watched);
  poll_all();
  watched.forget();
  put(pair.far, "plain");
  until_seen(watched, can_read);
  EXPECT_EQ(watched.seen & urgent, 0);
  EXPECT_EQ(take(pair.near.get()), "plain");
  watched.forget();
  EXPECT_EQ(::send(pair.far.get(), "!", 1, MSG_OOB), 1);
  put(pair.far, "behind");
  until_seen(watched, can_read | urgent);
  EXPECT_EQ(take(pair.near.get()), "behind");
  backend_->unwatch(watched);
}

TEST_P(BackendContract, a_pipe_without_a_writer_is_hung_up_and_one_without_a_reader_has_failed) {
  Pair ended = make_pipe();
  Pair broken = make_pipe();
  Watched reader(ended.near);
  Watched writer(broken.far);
  backend_->watch(reader);
  backend_->watch(writer);
  poll_all();
  EXPECT_EQ(reader.seen, 0);
  ended.far.reset();
  broken.near.reset();
  until_seen(reader, can_read | hung_up);
  until_seen(writer, can_read | can_write | failed);
  backend_->unwatch(reader);
  backend_->unwatch(writer);
}

TEST_P(BackendContract, a_refused_connection_has_failed) {
  std::uint16_t port = 0;
  listen_at(port).reset();
  const UniqueFd fd = tcp_socket();
  if (connect_to(fd, port) != 0) {
    EXPECT_EQ(errno, EINPROGRESS);
  }
  Watched watched(fd);
  backend_->watch(watched);
  until_seen(watched, can_write | failed);
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  EXPECT_EQ(error, ECONNREFUSED);
  backend_->unwatch(watched);
}

TEST_P(BackendContract, a_connection_to_be_accepted_is_an_edge) {
  std::uint16_t port = 0;
  const UniqueFd listener = listen_at(port);
  Watched watched(listener);
  backend_->watch(watched);
  poll_all();
  for (int i = 0; i < 3; ++i) {
    watched.forget();
    const UniqueFd client = tcp_socket();
    connect_to(client, port);
    until_seen(watched, can_read);
    EXPECT_TRUE(UniqueFd(::accept(listener.get(), nullptr, nullptr)));
  }
  backend_->unwatch(watched);
}

// --- the end of a watch

TEST_P(BackendContract, an_edge_that_has_happened_is_not_told_after_unwatch) {
  const UniqueFd fd = event();
  Watched watched(fd);
  backend_->watch(watched);
  poll_all();
  watched.forget();
  signal_event(fd);
  backend_->unwatch(watched);
  backend_->unwatch(watched);  // twice is once
  signal_event(fd);
  poll_all();
  EXPECT_EQ(watched.calls, 0);
}

TEST_P(BackendContract, who_is_unwatched_by_another_in_the_same_batch_is_not_told) {
  const UniqueFd fds[2] = {event(1), event(1)};
  Watched first(fds[0]);
  Watched second(fds[1]);
  first.then = [&] { backend_->unwatch(second); };
  second.then = [&] { backend_->unwatch(first); };
  backend_->watch(first);
  backend_->watch(second);
  poll_all();
  EXPECT_EQ(first.calls + second.calls, 1);
  EXPECT_NE(first.watched(), second.watched());
  backend_->unwatch(first);
  backend_->unwatch(second);
}

// Destroys all that are like it, itself too.
class Bomb final : public lowlevel::WatchedFd {
 public:
  using All = std::vector<std::unique_ptr<Bomb>>;
  Bomb(const UniqueFd& fd, KernelBackend& backend, All& all, int& calls)
      : lowlevel::WatchedFd(fd.get()), backend_(backend), all_(all), calls_(calls) {}
  void ready(std::uint8_t) noexcept override {
    ++calls_;
    for (const auto& each : all_) backend_.unwatch(*each);
    const All doomed = std::move(all_);
  }

 private:
  KernelBackend& backend_;
  All& all_;
  int& calls_;
};

TEST_P(BackendContract, ready_may_destroy_its_owner_and_others) {
  std::vector<UniqueFd> fds;
  Bomb::All all;
  int calls = 0;
  for (int i = 0; i < 10; ++i) {
    fds.push_back(event(1));
    all.push_back(std::make_unique<Bomb>(fds.back(), *backend_, all, calls));
    backend_->watch(*all.back());
  }
  poll_all();
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(all.empty());
}

TEST_P(BackendContract, a_descriptor_is_watched_again_after_unwatch) {
  const UniqueFd fd = event(1);
  Watched first(fd);
  Watched second(fd);
  backend_->watch(first);
  poll_all();
  backend_->unwatch(first);
  first.forget();
  backend_->watch(second);
  poll_all();
  EXPECT_EQ(second.seen & can_read, can_read);
  EXPECT_EQ(first.calls, 0);
  backend_->unwatch(second);
}

TEST_P(BackendContract, the_next_file_with_the_number_of_a_closed_one_is_not_told_its_edges) {
  const Pair pipe = make_pipe();
  UniqueFd old = event();
  const int number = old.get();
  Watched before(old);
  backend_->watch(before);
  poll_all();
  before.forget();
  signal_event(old);
  backend_->unwatch(before);
  old.reset();
  const UniqueFd fresh(::fcntl(pipe.near.get(), F_DUPFD_CLOEXEC, number));
  ASSERT_EQ(fresh.get(), number);
  Watched after(fresh);
  backend_->watch(after);
  poll_all();
  EXPECT_EQ(after.calls, 0);
  put(pipe.far, "x");
  poll_all();
  EXPECT_EQ(after.seen, can_read);
  EXPECT_EQ(before.calls, 0);
  backend_->unwatch(after);
}

TEST_P(BackendContract, a_number_may_get_a_new_file_and_owner_in_the_middle_of_a_batch) {
  const UniqueFd trigger = event(1);
  UniqueFd old = event(1);
  const int number = old.get();
  const Pair pipe = make_pipe();
  Watched first(trigger);
  Watched before(old);
  Watched after(number);
  UniqueFd fresh;
  const auto replace = [&] {
    if (fresh) return;
    backend_->unwatch(before);
    old.reset();
    fresh = UniqueFd(::fcntl(pipe.near.get(), F_DUPFD_CLOEXEC, number));
    backend_->watch(after);
  };
  first.then = replace;
  backend_->watch(first);
  backend_->watch(before);
  poll_all();
  ASSERT_EQ(fresh.get(), number);
  EXPECT_EQ(after.calls, 0);
  put(pipe.far, "x");
  poll_all();
  EXPECT_EQ(after.seen, can_read);
  backend_->unwatch(first);
  backend_->unwatch(after);
}

TEST_P(BackendContract, nothing_holds_a_file_once_it_is_unwatched_and_closed) {
  std::uint16_t port = 0;
  UniqueFd listener = listen_at(port);
  Pair sockets = make_sockets();
  Watched server(listener);
  Watched peer(sockets.near);
  backend_->watch(server);
  backend_->watch(peer);
  poll_all();
  backend_->unwatch(server);
  backend_->unwatch(peer);
  listener.reset();
  sockets.near.reset();
  EXPECT_TRUE(listen_at(port)) << "the port is still taken";
  EXPECT_EQ(take(sockets.far.get()), "") << "the peer does not see the end";

  Pair others = make_sockets();
  Watched reader(others.near);
  backend_->watch_once(reader, can_read);
  poll_all();
  backend_->watch_once(reader, 0);
  others.near.reset();
  EXPECT_EQ(take(others.far.get()), "") << "the peer does not see the end";
}

TEST_P(BackendContract, nothing_holds_a_file_after_the_backend) {
  std::uint16_t port = 0;
  UniqueFd listener = listen_at(port);
  Watched server(listener);
  backend_->watch(server);
  poll_all();
  backend_.reset();
  listener.reset();
  EXPECT_TRUE(listen_at(port)) << "the port is still taken";
}

// --- one-shot requests

TEST_P(BackendContract, watch_once_tells_once_and_only_what_it_was_asked_for) {
  const Pair sockets = make_sockets();
  Watched watched(sockets.near);
  backend_->watch_once(watched, can_read);
  poll_all();
  EXPECT_EQ(watched.calls, 0);
  put(sockets.far, "x");
  poll_all();
  EXPECT_EQ(watched.calls, 1);
  EXPECT_EQ(watched.seen, can_read);
  put(sockets.far, "x");
  poll_all();
  EXPECT_EQ(watched.calls, 1);
  backend_->unwatch(watched);
}

TEST_P(BackendContract, watch_once_asked_again_tells_what_was_told_before) {
  const UniqueFd fd = event(1);
  Watched watched(fd);
  for (int i = 1; i <= 3; ++i) {
    backend_->watch_once(watched, can_read);
    poll_all();
    EXPECT_EQ(watched.calls, i);
  }
  watched.then = [&] {
    if (watched.calls < 10) backend_->watch_once(watched, can_read);
  };
  backend_->watch_once(watched, can_read);
  until([&] { return watched.calls == 10; });
  backend_->unwatch(watched);
}

TEST_P(BackendContract, watch_once_replaces_an_earlier_request) {
  const Pair sockets = make_sockets();
  Watched watched(sockets.near);
  backend_->watch_once(watched, can_read);
  poll_all();
  backend_->watch_once(watched, can_read | can_write);
  poll_all();
  EXPECT_EQ(watched.calls, 1);
  EXPECT_EQ(watched.seen, can_write);

  watched.forget();
  backend_->watch_once(watched, can_write);
  backend_->watch_once(watched, can_read);
  poll_all();
  EXPECT_EQ(watched.calls, 0);
  put(sockets.far, "x");
  poll_all();
  EXPECT_EQ(watched.calls, 1);
  EXPECT_EQ(watched.seen, can_read);
  backend_->unwatch(watched);
}

TEST_P(BackendContract, watch_once_with_no_interest_withdraws_the_request) {
  const UniqueFd fd = event();
  Watched watched(fd);
  backend_->watch_once(watched, can_read);
  poll_all();
  signal_event(fd);
  backend_->watch_once(watched, 0);
  EXPECT_FALSE(watched.watched());
  poll_all();
  EXPECT_EQ(watched.calls, 0);
}

TEST_P(BackendContract, watch_once_tells_of_a_hang_up) {
  Pair sockets = make_sockets();
  Watched watched(sockets.near);
  backend_->watch_once(watched, can_read);
  poll_all();
  sockets.far.reset();
  until_seen(watched, can_read | hung_up);
  backend_->unwatch(watched);
}

TEST_P(BackendContract, watch_once_survives_a_close_without_unwatch) {
  UniqueFd old = event(1);
  const int number = old.get();
  Watched watched(old);
  backend_->watch_once(watched, can_read);
  poll_all();
  EXPECT_EQ(watched.calls, 1);
  old.reset();
  const UniqueFd other = event(1);
  const UniqueFd fresh(::fcntl(other.get(), F_DUPFD_CLOEXEC, number));
  watched.forget();
  backend_->watch_once(watched, can_read);
  poll_all();
  EXPECT_EQ(watched.calls, 1);
  backend_->unwatch(watched);
}

std::string name_of(const testing::TestParamInfo<Tested>& tested) {
  const char* const names[] = {"epoll", "io_uring", "io_uring_of_6_0", "io_uring_of_5_19"};
  return names[static_cast<std::size_t>(tested.param)];
}

INSTANTIATE_TEST_SUITE_P(, BackendContract,
                         testing::Values(Tested::epoll, Tested::io_uring, Tested::io_uring_of_6_0,
                                         Tested::io_uring_of_5_19),
                         name_of);

}  // namespace
