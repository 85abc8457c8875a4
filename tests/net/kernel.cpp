// SPDX-License-Identifier: MIT
#include "tests/net/kernel.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

namespace asyncio::inline ASYNCIO_ABI::testing {

namespace {
std::atomic<Kernel*> current_kernel = nullptr;

long real_receive(int fd, void* room, std::size_t size, int flags) {
  return ::syscall(SYS_recvfrom, fd, room, size, flags, nullptr, nullptr);
}

long real_send(int fd, const void* data, std::size_t size, int flags) {
  return ::syscall(SYS_sendto, fd, data, size, flags, nullptr, 0);
}

int option_of(int fd, int option) {
  int value = 0;
  socklen_t size = sizeof value;
  ::getsockopt(fd, SOL_SOCKET, option, &value, &size);
  return value;
}

// Sets an option to what it is. The kernel looks whether anybody waits for what it has changed, and so makes an edge.
void make_edge(int fd, int option, int value) { ::setsockopt(fd, SOL_SOCKET, option, &value, sizeof value); }

bool is_writable(int fd) {
  pollfd request{fd, POLLOUT, 0};
  return ::poll(&request, 1, 0) == 1 && request.revents == POLLOUT;
}

int unread(int fd) {
  int count = 0;
  return ::ioctl(fd, FIONREAD, &count) == 0 ? count : 0;
}

// With a copy of standard input, which nobody wants.
long send_with_descriptor(int fd, const void* data, std::size_t size) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  iovec piece{const_cast<void*>(data), size};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int given = STDIN_FILENO;
  std::memcpy(CMSG_DATA(header), &given, sizeof given);
  return ::syscall(SYS_sendmsg, fd, &message, MSG_NOSIGNAL);
}

long fail_with(int error) {
  errno = error;
  return -1;
}
}  // namespace

Kernel::Kernel() { current_kernel = this; }
Kernel::~Kernel() { current_kernel = nullptr; }
Kernel* Kernel::current() { return current_kernel; }

void Kernel::fail(Call call, int error, int times, int after) { of(call).failures.push_back({error, times, after}); }

bool Kernel::fails(Call call) {
  Script& script = of(call);
  ++script.made;
  if (script.failures.empty()) return false;
  Failure& next = script.failures.front();
  if (next.after > 0) {
    --next.after;
    return false;
  }
  errno = next.error;
  if (--next.times == 0) script.failures.pop_front();
  return true;
}

std::size_t Kernel::some_of(std::size_t size) {
  const std::size_t most = chance(2) ? 10 : 20'000;
  return std::min<std::size_t>(size, 1 + random_() % most);
}

long Kernel::receive(int fd, void* room, std::size_t size) {
  if (fails(Call::recv)) return -1;
  if (odd_) return receive_oddly(fd, room, size);
  return real_receive(fd, room, std::min(size, of(Call::recv).most), 0);
}

long Kernel::send(int fd, const void* data, std::size_t size) {
  if (fails(Call::send)) return -1;
  if (odd_) return send_oddly(fd, data, size);
  return real_send(fd, data, std::min(size, of(Call::send).most), MSG_NOSIGNAL);
}

// All of it, or a part of its first piece.
long Kernel::send(int fd, const msghdr& message) {
  if (!odd_ && of(Call::send).most == static_cast<std::size_t>(-1)) {
    return fails(Call::send) ? -1 : ::syscall(SYS_sendmsg, fd, &message, MSG_NOSIGNAL);
  }
  return send(fd, message.msg_iov->iov_base, message.msg_iov->iov_len);
}

long Kernel::receive_oddly(int fd, void* room, std::size_t size) {
  if (chance(8)) return fail_with(EINTR);
  if (option_of(fd, SO_DOMAIN) == AF_UNIX) return real_receive(fd, room, some_of(size), 0);
  if (unread(fd) > 0 && chance(4)) {
    make_edge(fd, SO_RCVLOWAT, 1);
    return fail_with(EAGAIN);
  }
  const long count = real_receive(fd, room, some_of(size), 0);
  if (count > 0 && unread(fd) > 0) make_edge(fd, SO_RCVLOWAT, 1);  // the rest has come only now
  return count;
}

long Kernel::send_oddly(int fd, const void* data, std::size_t size) {
  if (chance(8)) return fail_with(EINTR);
  if (chance(8) && is_writable(fd)) {
    make_edge(fd, SO_SNDBUF, option_of(fd, SO_SNDBUF) / 2);
    return fail_with(EAGAIN);
  }
  if (option_of(fd, SO_DOMAIN) == AF_UNIX) {
    return chance(4) ? send_with_descriptor(fd, data, some_of(size)) : real_send(fd, data, some_of(size), MSG_NOSIGNAL);
  }
  const long count = real_send(fd, data, some_of(size), MSG_NOSIGNAL);
  if (count > 0 && urgent_.insert(fd).second) real_send(fd, "!", 1, MSG_NOSIGNAL | MSG_OOB);
  return count;
}

}  // namespace asyncio::inline ASYNCIO_ABI::testing

using asyncio::testing::Call;
using asyncio::testing::Kernel;

extern "C" ssize_t recv(int fd, void* room, std::size_t size, int flags) {
  Kernel* kernel = flags == 0 ? Kernel::current() : nullptr;
  if (kernel != nullptr) return kernel->receive(fd, room, size);
  return ::syscall(SYS_recvfrom, fd, room, size, flags, nullptr, nullptr);
}

extern "C" ssize_t send(int fd, const void* data, std::size_t size, int flags) {
  Kernel* kernel = flags == MSG_NOSIGNAL ? Kernel::current() : nullptr;
  if (kernel != nullptr) return kernel->send(fd, data, size);
  return ::syscall(SYS_sendto, fd, data, size, flags, nullptr, 0);
}

extern "C" ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  Kernel* kernel = flags == MSG_NOSIGNAL ? Kernel::current() : nullptr;
  if (kernel != nullptr) return kernel->send(fd, *message);
  return ::syscall(SYS_sendmsg, fd, message, flags);
}

extern "C" int accept4(int fd, sockaddr* address, socklen_t* length, int flags) {
  if (Kernel* kernel = Kernel::current(); kernel != nullptr && kernel->fails(Call::accept)) return -1;
  return static_cast<int>(::syscall(SYS_accept4, fd, address, length, flags));
}

// An attempt over TCP that is interrupted goes on; one to a Unix socket has not begun.
extern "C" int connect(int fd, const sockaddr* address, socklen_t length) {
  Kernel* kernel = Kernel::current();
  if (kernel != nullptr && kernel->fails(Call::connect)) {
    const int error = errno;
    if (error == EINTR && address->sa_family != AF_UNIX) ::syscall(SYS_connect, fd, address, length);
    errno = error;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_connect, fd, address, length));
}
