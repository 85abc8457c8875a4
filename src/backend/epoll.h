// SPDX-License-Identifier: MIT
#pragma once

#include "backend/backend.h"
#include "base/fork.h"
#include "base/unique_fd.h"

#include <sys/epoll.h>

#include <array>

namespace asyncio::inline ASYNCIO_ABI::detail {

// epoll: a descriptor is registered once, for every edge, and never modified.
class EpollBackend final : public KernelBackend {
 public:
  EpollBackend();

  Backend kind() const override { return Backend::epoll; }
  std::int64_t now() const override;
  void poll(std::int64_t deadline) override;
  void wake() noexcept override;
  void watch(lowlevel::WatchedFd& fd) override;
  void unwatch(lowlevel::WatchedFd& fd) noexcept override;
  void watch_once(lowlevel::WatchedFd& fd, std::uint8_t interest) override;

 private:
  static constexpr int most_events = 256;

  void add(lowlevel::WatchedFd& fd, std::uint32_t events);
  void require_own_process() const;
  int wait(std::int64_t nanoseconds);

  const ProcessMark made_;
  UniqueFd epoll_;
  UniqueFd wake_;
  std::array<epoll_event, most_events> events_;
  int next_event_ = 0;  // events_[next_event_, last_event_) have not been told yet
  int last_event_ = 0;
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
