// SPDX-License-Identifier: MIT
#include "backend/epoll.h"

#include "backend/readiness.h"
#include "base/system_error.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <ctime>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

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

// Waits at most so long; negative: for ever.
int EpollBackend::wait(std::int64_t nanoseconds) {
  // To the nanosecond where the system can (Linux 5.11, and no sandbox from before it); else up to the next
  // millisecond: a wait that ends too early would only be followed by another.
  static constinit std::atomic<bool> precise = true;
  if (nanoseconds <= 0 || !precise.load(std::memory_order_relaxed)) {
    constexpr std::int64_t longest = 24 * 3600 * std::int64_t{1000};
    const std::int64_t milliseconds = nanoseconds <= 0 ? nanoseconds : (nanoseconds - 1) / 1'000'000 + 1;
    return ::epoll_wait(epoll_.get(), events_.data(), most_events,
                        static_cast<int>(std::clamp<std::int64_t>(milliseconds, -1, longest)));
  }
  const timespec time{nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
  const int count = ::epoll_pwait2(epoll_.get(), events_.data(), most_events, &time, nullptr);
  if (count >= 0 || (errno != ENOSYS && errno != EPERM)) return count;
  precise.store(false, std::memory_order_relaxed);
  return wait(nanoseconds);
}

// A child shares the set with its parent: it would take the parent's events, and change what the parent is told of.
void EpollBackend::require_own_process() const {
  if (made_.forked()) [[unlikely]]
    throw_parents_loop();
}

void EpollBackend::poll(std::int64_t deadline) {
  require_own_process();
  std::int64_t left = 0;
  if (deadline == forever) {
    left = -1;
  } else if (deadline > 0) {
    left = std::max<std::int64_t>(0, deadline - now());
  }
  const int count = wait(left);
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
  if (made_.forked()) return;
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
  require_own_process();
  add(fd, edge_events | EPOLLET);
  fd.watched_ = true;
}

void EpollBackend::unwatch(WatchedFd& fd) noexcept {
  if (!fd.watched_) return;
  fd.watched_ = false;
  epoll_event unused{};
  if (!made_.forked()) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd.fd(), &unused);
  for (int i = next_event_; i < last_event_; ++i) {
    epoll_event& event = events_[static_cast<std::size_t>(i)];
    if (event.data.ptr == &fd) event.data.ptr = nullptr;
  }
}

void EpollBackend::watch_once(WatchedFd& fd, std::uint8_t interest) {
  if (interest == 0) return unwatch(fd);
  require_own_process();
  epoll_event event{};
  event.events = events_of(interest) | EPOLLONESHOT;
  event.data.ptr = &fd;
  // ENOENT: the descriptor was closed, and its number is another file's now.
  if (fd.watched_ && ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd.fd(), &event) == 0) return;
  if (fd.watched_ && errno != ENOENT) throw_errno("epoll_ctl");
  add(fd, event.events);
  fd.watched_ = true;
}

}  // namespace asyncio::inline ASYNCIO_ABI
