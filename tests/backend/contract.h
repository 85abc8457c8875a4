// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/error.h>

#include "backend/backend.h"
#include "backend/io_uring.h"
#include "base/unique_fd.h"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

// What the contract of the kernel interfaces is tested with. One suite, BackendContract, is run on each of them.
namespace asyncio::inline ASYNCIO_ABI {

inline constexpr std::int64_t patience = 10'000'000'000;  // how long something may take that must come

// Notes what it is told.
class Watched final : public lowlevel::WatchedFd {
 public:
  using lowlevel::WatchedFd::WatchedFd;
  explicit Watched(const detail::UniqueFd& fd) : lowlevel::WatchedFd(fd.get()) {}

  void ready(std::uint8_t readiness) noexcept override {
    ++calls;
    seen |= readiness;
    if (then) then();
  }
  void forget() {
    calls = 0;
    seen = 0;
  }

  int calls = 0;
  std::uint8_t seen = 0;
  std::function<void()> then;
};

inline detail::UniqueFd event(unsigned count = 0) {
  return detail::UniqueFd(::eventfd(count, EFD_CLOEXEC | EFD_NONBLOCK));
}
inline void signal_event(const detail::UniqueFd& fd) { EXPECT_EQ(::eventfd_write(fd.get(), 1), 0); }

struct Pair {
  detail::UniqueFd near;
  detail::UniqueFd far;
};

inline Pair make_pipe() {  // near reads, far writes
  int fds[2];
  EXPECT_EQ(::pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
  return {detail::UniqueFd(fds[0]), detail::UniqueFd(fds[1])};
}

inline Pair make_sockets() {
  int fds[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
  return {detail::UniqueFd(fds[0]), detail::UniqueFd(fds[1])};
}

inline detail::UniqueFd tcp_socket() {
  return detail::UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

// Listens at a port of 127.0.0.1, which 0 leaves to the system; empty where it is taken.
inline detail::UniqueFd listen_at(std::uint16_t& port) {
  detail::UniqueFd fd = tcp_socket();
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  socklen_t length = sizeof address;
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 || ::listen(fd.get(), 100) != 0)
    return detail::UniqueFd();
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length);
  port = ntohs(address.sin_port);
  return fd;
}

inline int connect_to(const detail::UniqueFd& fd, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
}

inline Pair make_tcp() {
  std::uint16_t port = 0;
  const detail::UniqueFd listener = listen_at(port);
  Pair pair{detail::UniqueFd(), tcp_socket()};
  connect_to(pair.far, port);
  pollfd pending{listener.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&pending, 1, 10'000), 1);
  pair.near = detail::UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  const int on = 1;
  for (const detail::UniqueFd* fd : {&pair.near, &pair.far})
    ::setsockopt(fd->get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return pair;
}

inline void put(const detail::UniqueFd& fd, std::string_view text) {
  EXPECT_EQ(::write(fd.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

inline std::string take(int fd) {
  char buffer[64];
  const ssize_t count = ::read(fd, buffer, sizeof buffer);
  return count < 0 ? "error" : std::string(buffer, static_cast<std::size_t>(count));
}

inline void fill(const detail::UniqueFd& fd) {
  const std::string block(65536, 'x');
  while (::write(fd.get(), block.data(), block.size()) > 0) {
  }
  EXPECT_EQ(errno, EAGAIN);
}

inline void drain(const detail::UniqueFd& fd) {
  std::string block(65536, 'x');
  while (::read(fd.get(), block.data(), block.size()) > 0) {
  }
}

// The rings that older kernels would give are tried as well.
enum class Tested { epoll, io_uring, io_uring_of_6_0, io_uring_of_5_19 };

class BackendContract : public testing::TestWithParam<Tested> {
 protected:
  void SetUp() override {
    std::string why;
    ASSERT_TRUE(GetParam() == Tested::epoll || detail::UringBackend::make(why) != nullptr)
        << "no io_uring here: " << why;
    backend_ = make();
  }

  static std::unique_ptr<detail::KernelBackend> make() {
    switch (GetParam()) {
      case Tested::epoll:
        return detail::make_backend(Backend::epoll, false);
      case Tested::io_uring:
        return detail::make_backend(Backend::io_uring, false);
      case Tested::io_uring_of_6_0:
        return std::make_unique<detail::UringBackend>(detail::ring_flag_sets[1]);
      case Tested::io_uring_of_5_19:
        return std::make_unique<detail::UringBackend>(detail::ring_flag_sets[2]);
    }
    return nullptr;
  }

  // Polls until it holds, or too long.
  void until(const std::function<bool()>& holds) {
    const std::int64_t end = backend_->now() + patience;
    while (!holds() && backend_->now() < end) backend_->poll(end);
    EXPECT_TRUE(holds());
  }
  void until_seen(const Watched& watched, std::uint8_t readiness) {
    until([&] { return (watched.seen & readiness) == readiness; });
  }
  // How many it takes; a few, where something interrupts.
  int polls_until(std::int64_t deadline) {
    int polls = 0;
    for (; backend_->now() < deadline; ++polls) backend_->poll(deadline);
    return polls;
  }
  // Lets everything come that has happened.
  void poll_all() {
    for (int i = 0; i < 5; ++i) backend_->poll(0);
  }

  std::unique_ptr<detail::KernelBackend> backend_;
};

}  // namespace asyncio::inline ASYNCIO_ABI
