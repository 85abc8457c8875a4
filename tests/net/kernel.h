// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <deque>
#include <random>
#include <set>

namespace asyncio::inline ASYNCIO_ABI::testing {

// What the kernel may answer to a system call, and seldom does: while a Kernel lives it stands between the library and
// the real one.
//
//   Kernel kernel;
//   kernel.fail(Call::recv, EINTR, 1, 2);    // the third recv() is interrupted
//   kernel.fail(Call::accept, EMFILE, 5);    // five times
//   kernel.limit(Call::send, 1);             // each send() takes one byte
//
// It is in the test programs that link kernel.cpp, which defines these functions in place of the system's. They know
// the library by the flags that it uses; peers in a test that must be left alone use read() and write(). One at a time.
enum class Call { recv, send, accept, connect };

class Kernel {
 public:
  Kernel();
  Kernel(const Kernel&) = delete;
  ~Kernel();

  // The next `times` calls fail, after `after` others.
  void fail(Call call, int error, int times = 1, int after = 0);
  // Each recv() or send() moves at most so many bytes.
  void limit(Call call, std::size_t most) { of(call).most = most; }
  // Everything that may happen happens at random: calls are interrupted, move a few bytes only, or can do nothing at
  // the moment, and the edge comes when they can; on the way there are urgent bytes (TCP) and file descriptors (Unix).
  void be_odd() { odd_ = true; }

  // How many there were; a sendmsg() is a send() too.
  int calls(Call call) const { return calls_[static_cast<std::size_t>(call)].made; }

  // What stands in place of the system's functions asks here; -1 with errno, or the real result.
  static Kernel* current();
  long receive(int fd, void* room, std::size_t size);
  long send(int fd, const void* data, std::size_t size);
  long send(int fd, const msghdr& message);
  // Whether the next one fails, with errno set.
  bool fails(Call call);

 private:
  struct Failure {
    int error;
    int times;
    int after;
  };
  struct Script {
    int made = 0;
    std::size_t most = static_cast<std::size_t>(-1);
    std::deque<Failure> failures;
  };

  Script& of(Call call) { return calls_[static_cast<std::size_t>(call)]; }
  bool chance(unsigned one_in) { return random_() % one_in == 0; }
  std::size_t some_of(std::size_t size);
  long receive_oddly(int fd, void* room, std::size_t size);
  long send_oddly(int fd, const void* data, std::size_t size);

  std::array<Script, 4> calls_;
  bool odd_ = false;
  std::minstd_rand random_{1};
  std::set<int> urgent_;  // sockets that have sent an urgent byte: a second one would make the first a plain one
};

}  // namespace asyncio::inline ASYNCIO_ABI::testing
