// SPDX-License-Identifier: MIT
#include "backend/epoll.h"

#include "base/system_error.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <ctime>

namespace asyncio::inline ASYNCIO_ABI {

namespace {
constexpr std::int64_t millisecond = 1'000'000;
constexpr std::int64_t longest_wait = 24 * 3600 * std::int64_t{1000};  // ms

std::uint8_t readiness_of(std::uint32_t events) {
  std::uint8_t readiness = 0;
  if ((events & EPOLLIN) != 0) readiness |= readable;
  if ((events & EPOLLOUT) != 0) readiness |= writable;
  if ((events & (EPOLLRDHUP | EPOLLHUP)) != 0) readiness |= readable | hung_up;
  if ((events & EPOLLHUP) != 0) readiness |= writable;
  if ((events & EPOLLERR) != 0) readiness |= readable | writable | failed;
  return readiness;
}
}  // namespace

EpollBackend::EpollBackend() : epoll_(::epoll_create1(EPOLL_CLOEXEC)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!epoll_ || !wake_) throw_errno("epoll");
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;  // never read: each write is an edge, and the count has 64 bits
  event.data.ptr = nullptr;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0) throw_errno("epoll_ctl");
}

std::int64_t EpollBackend::now() const {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

void EpollBackend::poll(std::int64_t deadline) {
  std::int64_t wait = -1;
  if (deadline <= 0) {
    wait = 0;
  } else if (deadline != forever) {
    // Up to the next millisecond: a wait that ends too early would only be followed by another.
    const std::int64_t left = deadline - now();
    wait = left <= 0 ? 0 : std::min((left - 1) / millisecond + 1, longest_wait);
  }
  const int count = ::epoll_wait(epoll_.get(), events_.data(), most_events, static_cast<int>(wait));
  if (count < 0) {
    if (errno == EINTR) return;
    throw_errno("epoll_wait");
  }
  last_event_ = count;
  for (next_event_ = 0; next_event_ < last_event_;) {
    const epoll_event& event = events_[static_cast<std::size_t>(next_event_++)];
    if (event.data.ptr == nullptr) continue;  // a wake, or unwatched by an owner that was told before it
    static_cast<WatchedFd*>(event.data.ptr)->ready(readiness_of(event.events));
  }
}

void EpollBackend::wake() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

void EpollBackend::add(WatchedFd& fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &fd;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.fd(), &event) == 0) return;
  // A duplicate of the descriptor may have outlived an earlier registration.
  if (errno != EEXIST || ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd.fd(), &event) != 0) throw_errno("epoll_ctl");
}

void EpollBackend::watch(WatchedFd& fd) {
  add(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
  fd.watched_ = true;
}

void EpollBackend::unwatch(WatchedFd& fd) noexcept {
  if (!fd.watched_) return;
  fd.watched_ = false;
  epoll_event unused{};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd.fd(), &unused);
  for (int i = next_event_; i < last_event_; ++i) {
    epoll_event& event = events_[static_cast<std::size_t>(i)];
    if (event.data.ptr == &fd) event.data.ptr = nullptr;
  }
}

void EpollBackend::watch_once(WatchedFd& fd, std::uint8_t interest) {
  if (interest == 0) return unwatch(fd);
  epoll_event event{};
  event.events = EPOLLONESHOT;
  if ((interest & readable) != 0) event.events |= EPOLLIN | EPOLLRDHUP;
  if ((interest & writable) != 0) event.events |= EPOLLOUT;
  event.data.ptr = &fd;
  if (!fd.watched_) {
    add(fd, event.events);
    fd.watched_ = true;
  } else if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd.fd(), &event) != 0) {
    throw_errno("epoll_ctl");
  }
}

}  // namespace asyncio::inline ASYNCIO_ABI
