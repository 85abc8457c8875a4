// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/callback.h>
#include <asyncio/lowlevel/watched_fd.h>

#include <cstddef>
#include <memory>
#include <typeinfo>
#include <unordered_map>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI {

class EventLoop;

namespace detail {

class FdWatch;

// Who uses a file descriptor in a loop: callbacks of add_reader() and add_writer(), or a stream, and never both.
class FdTable {
 public:
  enum class Direction : unsigned char { read, write };
  // What is called: a callback of add_reader() or add_writer(), which another one may replace; or a task that waits
  // (lowlevel/fd_ready.h), which would never go on then, so that nobody else may have its place.
  enum class User : unsigned char { callback, task };

  explicit FdTable(EventLoop& loop);
  FdTable(const FdTable&) = delete;
  FdTable& operator=(const FdTable&) = delete;
  ~FdTable();

  // For streams, servers and the like: watches a descriptor that they have just opened. add_reader() and its kin throw
  // RuntimeError for it until disown(), which ends the watch, and is due before the close(). Callbacks that wait under
  // its number are those of a descriptor that was closed without remove_reader(): they go, with a report. Throws like
  // KernelBackend::watch(), and RuntimeError where another stream believes to have it.
  void own(lowlevel::WatchedFd& fd);
  void disown(lowlevel::WatchedFd& fd) noexcept;

  // Calls back at every poll while `fd` is ready; instead of an earlier callback. Throws ValueError where there is no
  // such descriptor, RuntimeError where a stream owns it, or a task waits for it, or one is to wait where there is a
  // callback; std::system_error (EPERM) where it cannot be polled.
  void add(int fd, Direction direction, Callback<void()> callback, User user = User::callback);
  // Whether there was one; it is not called any more. Throws RuntimeError where it is another user's.
  bool remove(int fd, Direction direction, User user = User::callback);

  // Whether there are callbacks that the kernel may have work for.
  bool watching() const { return !watches_.empty(); }
  struct Entry {
    int fd;
    Direction direction;
    const std::type_info* callback;
  };
  std::vector<Entry> entries() const;  // in no particular order
  void clear() noexcept;

 private:
  friend class FdWatch;

  bool owned(int fd) const;
  void require_unowned(int fd) const;
  void require_replaceable(int fd, Direction direction, User by) const;
  void forget(FdWatch& watch) noexcept;

  EventLoop& loop_;
  std::unordered_map<int, std::unique_ptr<FdWatch>> watches_;
  std::vector<bool> owned_;  // by descriptor
};

}  // namespace detail

}  // namespace asyncio::inline ASYNCIO_ABI
