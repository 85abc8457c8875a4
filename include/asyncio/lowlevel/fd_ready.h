// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/lowlevel/waiter.h>

#include <coroutine>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {
class EventLoop;
}  // namespace asyncio::inline ASYNCIO_ABI

namespace asyncio::inline ASYNCIO_ABI::lowlevel {

class FdReady;

// Wait until a file descriptor can be read from, or its end or an error has come; until it can be written to.
//
//   while (::read(fd, room, sizeof room) < 0 && errno == EAGAIN) co_await lowlevel::readable(fd);
//
// For what the library has no class of: a device, a socket of another library. The caller makes it one that does not
// block, and tries again after the wait, which may have been for nothing. One task may wait for each direction of a
// descriptor; RuntimeError where another one does, or add_reader() or add_writer() has set a callback, or a stream has
// the descriptor; ValueError where it is not open, std::system_error (EPERM) where it cannot be polled. A cancel ends
// the wait, and nothing else. The descriptor must stay open meanwhile. Trio: wait_readable(), wait_writable().
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
