// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/waiter.h>

#include <cstdint>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {
class EpollBackend;
class EventLoop;
class KernelBackend;
class UringBackend;
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
// Readiness is told as edges: ready() is called when the kernel says that something became possible, and not again before
// an operation has found that it no longer was (EAGAIN, a short read). So the owner tries the system call first, and
// waits for ready() after it failed. A bit that is missing says nothing: io_uring names only what has just happened, so
// the owner adds the bits to those that it has. But without hung_up, failed and urgent what can be read is plain data
// alone, and whatever comes later is told by an edge of its own: from a TCP socket a receive that gives less than it had
// room for has taken all of it. (io_uring tells of urgent in an edge of its own, some milliseconds later.) The kernel
// never owns a buffer of the user, so that a cancel takes effect at once.
// The descriptor has to be one that does not block, and stays the owner's: it unwatches it before it closes it, and before
// the loop is closed. For the thread of the loop.
class WatchedFd {
 public:
  // What can be known about a file descriptor; bits.
  enum Readiness : std::uint8_t {
    readable = 1,  // data, a connection to accept, or the end of the stream
    writable = 2,
    hung_up = 4,  // the peer will send no more; comes with readable
    failed = 8,   // an error is pending; comes with readable and writable
    urgent = 16,  // there may be an urgent mark, at which a receive stops though more is there; may come later
  };

  explicit WatchedFd(int fd) : fd_(fd) {}
  WatchedFd(const WatchedFd&) = delete;
  WatchedFd& operator=(const WatchedFd&) = delete;

  int fd() const { return fd_; }
  bool watched() const { return watched_; }

  // Begins to watch for edges; the first ready() tells what is possible already. While it is watched nobody else can
  // watch this descriptor. Throws std::system_error: EPERM for what cannot be polled (a regular file), EBADF, ENOMEM,
  // ENOSPC; RuntimeError where it is watched already, and in the child of a fork().
  void watch(EventLoop& loop);
  // Ends it: no ready() comes any more, not even one that the kernel has already sent. Twice is once.
  void unwatch() noexcept;

  // Called by the loop, with what has become possible. May unwatch and destroy *this.
  virtual void ready(std::uint8_t readiness) noexcept = 0;

 protected:
  ~WatchedFd() = default;
  void set_fd(int fd) { fd_ = fd; }
  EventLoop* loop() const { return loop_; }  // that has watched it last; null before that

 private:
  friend class asyncio::KernelBackend;
  friend class asyncio::EpollBackend;
  friend class asyncio::UringBackend;

  EventLoop* loop_ = nullptr;
  int fd_;
  std::uint32_t slot_ = 0;  // the backend's own: where it keeps what must outlive the owner
  bool watched_ = false;
};

class FdReady;

// Wait until a file descriptor can be read from, or its end or an error has come; until it can be written to.
//
//   while (::read(fd, room, sizeof room) < 0 && errno == EAGAIN) co_await lowlevel::readable(fd);
//
// For what the library has no class of: a device, a socket of another library. The caller makes it one that does not
// block, and tries again after the wait, which may have been for nothing. One task may wait for each direction of a
// descriptor; RuntimeError where another one does, or add_reader() or add_writer() has set a callback, or a stream has the
// descriptor; ValueError where it is not open, std::system_error (EPERM) where it cannot be polled. A cancel ends the
// wait, and nothing else. The descriptor must stay open meanwhile. Trio: wait_readable(), wait_writable().
FdReady readable(int fd);
FdReady writable(int fd);

// ---------------------------------------------------------------------------------------------------------------------

class [[nodiscard("nothing is waited for: write co_await")]] FdReady : public Waiter {
 public:
  FdReady(int fd, bool writing) : Waiter(writing ? to_write : to_read), fd_(fd), writing_(writing) {}
  FdReady(FdReady&& other) noexcept : Waiter(std::move(other)), fd_(other.fd_), writing_(other.writing_) {}
  ~FdReady() { end(); }

  bool await_ready() const { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> self) {
    begin();
    park(self);
  }
  void await_resume() { check(); }

 private:
  static const WaitKind to_read;
  static const WaitKind to_write;
  static void remove(Waiter& waiter) noexcept;

  void begin();
  void come() noexcept;
  void end() noexcept;

  EventLoop* loop_ = nullptr;  // while it waits
  int fd_;
  bool writing_;
};

inline FdReady readable(int fd) { return {fd, false}; }
inline FdReady writable(int fd) { return {fd, true}; }

}  // namespace asyncio::inline ASYNCIO_ABI::lowlevel
