// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <cstdint>

namespace asyncio::inline ASYNCIO_ABI {
class EventLoop;

namespace detail {

class EpollBackend;
class KernelBackend;
class UringBackend;

}  // namespace detail
}  // namespace asyncio::inline ASYNCIO_ABI

namespace asyncio::inline ASYNCIO_ABI::lowlevel {

// A file descriptor that a loop watches: what the owner of a socket, or of one end of a pipe, derives from.
//
//   class Bell final : lowlevel::WatchedFd {
//    public:
//     Bell(EventLoop& loop, int fd) : WatchedFd(fd) { watch(loop); }
//     ~Bell() { unwatch(); }
//    private:
//     void ready(std::uint8_t readiness) noexcept override { ... }
//   };
//
// Readiness is told as edges: ready() is called when the kernel says that something became possible, and not again
// before an operation has found that it no longer was (EAGAIN, a short read). So the owner tries the system call first,
// and waits for ready() after it failed. A bit that is missing says nothing: io_uring names only what has just
// happened, so the owner adds the bits to those that it has. But without hung_up, failed and urgent what can be read is
// plain data alone, and whatever comes later is told by an edge of its own: from a TCP socket a receive that gives less
// than it had room for has taken all of it. (io_uring tells of urgent in an edge of its own, some milliseconds later.)
// The kernel never owns a buffer of the user, so that a cancel takes effect at once.
// The descriptor has to be one that does not block, and stays the owner's, who unwatches it before it closes it. One
// that is still watched when its loop goes is told of nothing any more, and may be unwatched all the same. For the
// thread of the loop.
class WatchedFd {
 public:
  // What can be known about a file descriptor; bits.
  enum Readiness : std::uint8_t {
    can_read = 1,  // data, a connection to accept, or the end of the stream
    can_write = 2,
    hung_up = 4,  // the peer will send no more; comes with can_read
    failed = 8,   // an error is pending; comes with can_read and can_write
    urgent = 16,  // there may be an urgent mark, at which a receive stops though more is there; may come later
  };

  explicit WatchedFd(int fd) : fd_(fd) {}
  WatchedFd(const WatchedFd&) = delete;
  WatchedFd& operator=(const WatchedFd&) = delete;

  int fd() const { return fd_; }
  bool watched() const { return watched_; }

  // Begins to watch for edges; the first ready() tells what is possible already. While it is watched nobody else can
  // watch this descriptor. Throws std::system_error: EPERM for what cannot be polled (a regular file), EBADF, ENOMEM,
  // ENOSPC; RuntimeError where it is watched already, and in the child of a fork(). Not for a loop that is closed.
  void watch(EventLoop& loop);
  // Ends it: no ready() comes any more, not even one that the kernel has already sent. Twice is once.
  void unwatch() noexcept;

  // Called by the loop, with what has become possible, outside of any task: a ContextVar has there what it has in the
  // thread outside of the loop. May unwatch and destroy *this.
  virtual void ready(std::uint8_t readiness) noexcept = 0;

 protected:
  ~WatchedFd() = default;
  void set_fd(int fd) { fd_ = fd; }
  EventLoop* loop() const { return loop_; }  // that has watched it last; null before that

 private:
  friend class detail::KernelBackend;
  friend class detail::EpollBackend;
  friend class detail::UringBackend;

  EventLoop* loop_ = nullptr;
  int fd_;
  std::uint32_t slot_ = 0;  // the backend's own: where it keeps what must outlive the owner
  bool watched_ = false;
};

}  // namespace asyncio::inline ASYNCIO_ABI::lowlevel
