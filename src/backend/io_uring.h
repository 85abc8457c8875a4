// SPDX-License-Identifier: MIT
#pragma once

#include "backend/backend.h"
#include "backend/ring.h"
#include "base/fork.h"
#include "base/unique_fd.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI::detail {

// io_uring: a descriptor is watched by one multishot poll request. A loop that is busy learns what happened from memory
// that it shares with the kernel, without a system call.
//
// The ring belongs to the thread of the first poll(): watching may begin before, in the thread that makes the loop, but
// running it in yet another thread throws RuntimeError.
class UringBackend final : public KernelBackend {
 public:
  // Null where the kernel is too old or a sandbox is in the way; `why` gets the reason. Throws std::system_error where
  // a resource ran out.
  static std::unique_ptr<UringBackend> make(std::string& why);

  // With one of ring_flag_sets. Throws std::system_error.
  explicit UringBackend(unsigned setup_flags);
  ~UringBackend() override;

  Backend kind() const override { return Backend::io_uring; }
  std::int64_t now() const override;
  void poll(std::int64_t deadline) override;
  void wake() noexcept override;
  void watch(lowlevel::WatchedFd& fd) override;
  void unwatch(lowlevel::WatchedFd& fd) noexcept override;
  void watch_once(lowlevel::WatchedFd& fd, std::uint8_t interest) override;

 private:
  // What a request of ours is about. The kernel refers to it by user_data, until the request's last completion.
  struct Slot {
    lowlevel::WatchedFd* owner = nullptr;  // null: nobody wants to know any more
    std::uint32_t generation = 0;          // rises with each owner, so that a cancel for the last one misses the next
    std::uint16_t events = 0;
    bool once = false;
    bool armed = false;       // the kernel has the request, and its last completion has not been seen
    bool unverified = false;  // stands in unverified_
  };
  class Wake final : public lowlevel::WatchedFd {
   public:
    Wake();
    void ready(std::uint8_t) noexcept override {}  // that poll() returns is all

   private:
    UniqueFd event_;
  };

  bool enabled() const { return thread_ != std::thread::id(); }
  bool here() const;
  void adopt();
  void require_here() const;
  void require_pollable(int fd);
  void start(lowlevel::WatchedFd& fd, std::uint32_t events, bool once);
  void arm(std::uint32_t index);
  bool abandon(lowlevel::WatchedFd& fd);
  void free_slot(std::uint32_t index) noexcept;
  void complete(std::uint64_t user_data, int result, unsigned flags);
  void arm_ended();
  void repeat_unverified();
  std::uint64_t user_data(std::uint32_t index) const { return std::uint64_t{slots_[index].generation} << 32 | index; }

  const ProcessMark made_;
  std::thread::id thread_;  // the ring's; none before the first poll()
  Ring ring_;
  Wake wake_;
  UniqueFd judge_;  // an epoll set that says what can be polled; made when first needed
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;   // has room for all
  std::vector<std::uint32_t> ended_;  // whose multishot request the kernel has ended; they may have a new one already
  std::vector<std::uint32_t> unverified_;  // whose last edges may have been of urgent data; has room for all
  std::int64_t repeat_at_ = 0;             // when they are told once more
  std::size_t armed_ = 0;                  // how many slots are
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
