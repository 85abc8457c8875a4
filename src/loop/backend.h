// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>
#include <asyncio/error.h>
#include <asyncio/event_loop.h>

#include <cstdint>
#include <memory>
#include <string_view>

namespace asyncio::inline ASYNCIO_ABI {

class KernelBackend;

// What can be known about a file descriptor.
enum Readiness : std::uint8_t {
  readable = 1,  // data, a connection to accept, or the end of the stream
  writable = 2,
  hung_up = 4,  // the peer will send no more; comes with readable
  failed = 8,   // an error is pending; comes with readable and writable
  urgent = 16,  // there may be an urgent mark, at which a receive stops though more is there; may come later
};

// A file descriptor that a backend watches; what a socket's owner derives from.
//
// Readiness is told as edges: ready() is called when the kernel says that something became possible, and not again before
// an operation has found that it no longer was (EAGAIN, a short read). So the owner tries the system call first, and
// waits for ready() after it failed. A bit that is missing says nothing: io_uring names only what has just happened, so
// the owner adds the bits to those that it has. But without hung_up, failed and urgent what can be read is plain data
// alone, and whatever comes later is told by an edge of its own: from a TCP socket a receive that gives less than it had
// room for has taken all of it. (io_uring tells of urgent in an edge of its own, some milliseconds later.) The kernel
// never owns a buffer of the user, so that a cancel takes effect at once.
class WatchedFd {
 public:
  explicit WatchedFd(int fd) : fd_(fd) {}
  WatchedFd(const WatchedFd&) = delete;
  WatchedFd& operator=(const WatchedFd&) = delete;

  int fd() const { return fd_; }
  bool watched() const { return watched_; }

  // Called by the loop, with what has become possible. May unwatch and destroy *this.
  virtual void ready(std::uint8_t readiness) noexcept = 0;

 protected:
  ~WatchedFd() = default;
  void set_fd(int fd) { fd_ = fd; }

 private:
  friend class KernelBackend;
  friend class EpollBackend;
  friend class UringBackend;

  int fd_;
  bool watched_ = false;
  std::uint32_t slot_ = 0;  // the backend's own: where it keeps what must outlive the owner
};

// What a kernel interface must offer. One file each, src/backend/; tests/backend/ holds the contract that each passes.
//
// Operations on sockets are not here: they are the direct system calls on either interface, which measured faster than
// queueing one request each (a readiness edge costs nothing where the call succeeds at once).
//
// Threads: it may be made, and begin to watch, in one thread, and be polled in another. From the first poll() on all but
// wake() belongs to that thread; on io_uring for ever: poll() and watch() throw RuntimeError in any other.
// Fork: in a child poll(), watch() and watch_once() throw RuntimeError; wake(), unwatch() and the destructor leave the
// parent alone.
class KernelBackend {
 public:
  static constexpr std::int64_t forever = INT64_MAX;

  virtual ~KernelBackend() = default;
  virtual Backend kind() const = 0;  // never `automatic`

  // Nanoseconds of the system's monotonic clock.
  virtual std::int64_t now() const = 0;

  // Calls ready() of the watched descriptors that had an edge. Waits for one until the clock shows `deadline` (which
  // may have passed: then it only looks), or wake() is called. A wait may end early. Only looking costs io_uring no
  // system call where nothing has happened, and epoll one.
  virtual void poll(std::int64_t deadline) = 0;

  // Ends the poll() that waits, or the next one. Any thread and any signal handler may call it.
  virtual void wake() noexcept = 0;

  // Begins to watch for edges; the first ready() tells what is possible already. Throws std::system_error: EPERM for
  // what cannot be polled (a regular file), EBADF, ENOMEM, ENOSPC.
  virtual void watch(WatchedFd& fd) = 0;

  // Ends it: no ready() comes any more, not even one that the kernel has already sent. To be called before the close(),
  // which then ends the file as usual: nothing here holds it open. (But on io_uring outside of its thread, until that
  // thread or the backend has ended.)
  virtual void unwatch(WatchedFd& fd) noexcept = 0;

  // Asks for one ready() when `fd` is readable or writable (or both), whether or not it was told before. An earlier
  // request of the same owner is replaced; `interest` 0 withdraws it. For descriptors that are not watch()ed.
  // Throws like watch().
  virtual void watch_once(WatchedFd& fd, std::uint8_t interest) = 0;
};

// Makes the kind that is asked for. Throws RuntimeError where it is not to be had, std::system_error where the system is
// short of something.
std::unique_ptr<KernelBackend> make_backend(Backend kind, bool debug);

}  // namespace asyncio::inline ASYNCIO_ABI
