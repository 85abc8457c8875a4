// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/backend.h>
#include <asyncio/error.h>
#include <asyncio/lowlevel/watched_fd.h>

#include <cstdint>
#include <memory>
#include <string_view>

namespace asyncio::inline ASYNCIO_ABI::detail {

using lowlevel::WatchedFd;
using enum lowlevel::WatchedFd::Readiness;

// What a kernel interface must offer. One file each, src/backend/; tests/backend/ holds the contract that each passes.
//
// Operations on sockets are not here: they are the direct system calls on either interface, which measured faster than
// queueing one request each (a readiness edge costs nothing where the call succeeds at once).
//
// Threads: it may be made, and begin to watch, in one thread, and be polled in another. From the first poll() on all
// but wake() belongs to that thread; on io_uring for ever: poll() and watch() throw RuntimeError in any other.
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
  virtual void watch(lowlevel::WatchedFd& fd) = 0;

  // Ends it: no ready() comes any more, not even one that the kernel has already sent. To be called before the close(),
  // which then ends the file as usual: nothing here holds it open. (But on io_uring outside of its thread, until that
  // thread or the backend has ended.)
  virtual void unwatch(lowlevel::WatchedFd& fd) noexcept = 0;

  // Asks for one ready() when `fd` is readable or writable (or both), whether or not it was told before. An earlier
  // request of the same owner is replaced; `interest` 0 withdraws it. For descriptors that are not watch()ed.
  // Throws like watch().
  virtual void watch_once(lowlevel::WatchedFd& fd, std::uint8_t interest) = 0;
};

// Makes the kind that is asked for. Throws RuntimeError where it is not to be had, std::system_error where the system
// is short of something.
std::unique_ptr<KernelBackend> make_backend(Backend kind, bool debug);

}  // namespace asyncio::inline ASYNCIO_ABI::detail
