// SPDX-License-Identifier: MIT
// What becomes of a ring in a hostile place: sandboxes, exhausted resources, forks, signals. All of it in child
// processes.
#include "backend/ring.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

using namespace asyncio;
using namespace asyncio::detail;
using namespace std::chrono_literals;

namespace {

// Runs the body in a forked child, which it may ruin. True where it returns true.
template <class Body>
bool holds_in_child(Body body) {
  const pid_t child = fork();
  if (child == 0) {
    bool held = false;
    try {
      held = body();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "in the child: %s\n", error.what());
    }
    _exit(held ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// From now on the system call is not made, and returns -error; 0 makes it a lie. With a mask, only where
// `argument & mask` has the value.
void refuse(unsigned call, unsigned error, unsigned argument = 0, unsigned mask = 0, unsigned value = 0) {
  const auto low_half = static_cast<unsigned>(offsetof(seccomp_data, args) + 8 * argument);
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 4),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, low_half),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{static_cast<unsigned short>(std::size(program)), program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
    throw std::system_error(errno, std::generic_category(), "seccomp");
}

// Whether open() finds io_uring unavailable for this reason.
bool unavailable(const std::string& reason) {
  std::string why;
  const bool opened = Ring::open(64, 256, &why) != nullptr;
  if (!opened && why == reason) return true;
  std::fprintf(stderr, "%s: %s\n", opened ? "opened" : "unavailable", why.c_str());
  return false;
}

// Whether open() throws this error.
bool throws(std::errc expected) {
  try {
    return Ring::open(64, 256), false;
  } catch (const std::system_error& error) {
    return error.code() == std::make_error_code(expected);  // of that category too
  }
}

int lowest_free_descriptor() {
  const int fd = dup(0);
  ::close(fd);
  return fd;
}

bool nop_works(Ring& ring) {
  ring.nop(1);
  int right = 0;
  ring.submit_and_wait(1, std::nullopt);
  ring.for_each_cqe([&](std::uint64_t user_data, int result, unsigned) { right += user_data == 1 && result == 0; });
  return right == 1;
}

TEST(RingOpen, gives_a_ring_that_works_and_is_closed_on_exec) {
  std::string why;
  const std::unique_ptr<Ring> ring = Ring::open(64, 256, &why);
  ASSERT_NE(ring, nullptr) << why;
  EXPECT_TRUE(nop_works(*ring));
  EXPECT_EQ(fcntl(ring->fd(), F_GETFD), FD_CLOEXEC);
}

TEST(RingOpen, bounds_the_sizes_by_what_the_kernel_allows) {
  EXPECT_TRUE(nop_works(*Ring::open(0, 0)));
  EXPECT_TRUE(nop_works(*Ring::open(100, 1)));
  EXPECT_TRUE(nop_works(*Ring::open(1, 1'000'000'000)));
}

// How many mappings of this process are queues of a ring.
int mappings() {
  std::ifstream maps("/proc/self/maps");
  int count = 0;
  for (std::string line; std::getline(maps, line);) count += line.find("[io_uring]") != std::string::npos;
  return count;
}

TEST(RingOpen, gives_descriptor_and_memory_back) {
  const int fd = lowest_free_descriptor();
  std::unique_ptr<Ring> ring = Ring::open(64, 256);
  EXPECT_EQ(ring->fd(), fd);
  EXPECT_EQ(mappings(), 2);
  ring.reset();
  EXPECT_EQ(lowest_free_descriptor(), fd);
  EXPECT_EQ(mappings(), 0);
}

TEST(RingOpen, is_unavailable_in_a_sandbox) {
  EXPECT_TRUE(holds_in_child([] {
    refuse(__NR_io_uring_setup, EPERM);
    return unavailable("io_uring_setup: Operation not permitted");
  }));
  EXPECT_TRUE(holds_in_child([] {
    refuse(__NR_io_uring_setup, ENOSYS);
    return unavailable("io_uring_setup: Function not implemented");
  }));
}

TEST(RingOpen, is_unavailable_where_the_kernel_takes_no_entries) {
  EXPECT_TRUE(holds_in_child([] {
    refuse(__NR_io_uring_enter, ENOSYS);
    return unavailable("io_uring_enter: Function not implemented");
  }));
  EXPECT_TRUE(holds_in_child([] {
    refuse(__NR_io_uring_enter, 0);
    return unavailable("io_uring self-test: nop: Operation not supported");
  }));
}

TEST(RingOpen, reports_that_descriptors_ran_out) {
  const int fd = lowest_free_descriptor();
  const auto with_limit = [fd](int limit) {
    // The undefined behaviour sanitizer makes a pipe the first time that it looks at an object of some class.
    const std::error_code looked_at = std::system_error(ENOMEM, std::generic_category(), "").code();
    if (looked_at == std::errc::too_many_files_open) return false;
    const rlimit descriptors{static_cast<rlim_t>(limit), static_cast<rlim_t>(limit)};
    return setrlimit(RLIMIT_NOFILE, &descriptors) == 0 && throws(std::errc::too_many_files_open) &&
           fcntl(fd, F_GETFD) == -1;
  };
  EXPECT_TRUE(holds_in_child([&] { return with_limit(fd); }));
  EXPECT_TRUE(holds_in_child([&] { return with_limit(fd + 1); }));  // one for the ring, none for its self-test
}

TEST(RingOpen, reports_that_memory_ran_out) {
  EXPECT_TRUE(holds_in_child([] {
    const int fd = lowest_free_descriptor();
    refuse(__NR_mmap, ENOMEM, 3, MAP_SHARED | MAP_POPULATE, MAP_SHARED | MAP_POPULATE);
    return throws(std::errc::not_enough_memory) && fcntl(fd, F_GETFD) == -1;
  }));
}

TEST(RingPeek, makes_no_system_call_where_nothing_is_pending) {
  EXPECT_TRUE(holds_in_child([] {
    const std::unique_ptr<Ring> ring = Ring::open(64, 256);
    ring->nop(1);
    ring->submit();
    refuse(__NR_io_uring_enter, EIO);
    const bool quiet = ring->peek() == 1 && ring->submit_and_wait(1, std::nullopt) == 1 &&
                       ring->for_each_cqe([](auto...) {}) == 1 && ring->peek() == 0 &&
                       ring->submit_and_wait(1, 0s) == 0;
    ring->nop(2);
    try {
      ring->peek();
      return false;
    } catch (const std::system_error& error) {
      return quiet && error.code() == std::errc::io_error;
    }
  }));
}

// Kernels that predate the overflow list of today refuse entries while completions are in the way.
TEST(RingOverflow, makes_room_where_the_kernel_takes_no_entries_before_completions_are_reaped) {
  EXPECT_TRUE(holds_in_child([] {
    Ring ring(4, 4, ring_flag_sets[0]);
    for (unsigned i = 0; i < 4; ++i) ring.nop(i);
    ring.submit();
    refuse(__NR_io_uring_enter, EBUSY, 3, IORING_ENTER_GETEVENTS, 0);
    for (unsigned i = 4; i < 30; ++i) ring.nop(i);
    if (ring.peek() <= 4) return false;  // all still in the way: the queue holds 4
    std::vector<std::uint64_t> seen, expected;
    while (ring.peek() != 0)
      ring.for_each_cqe([&](std::uint64_t user_data, int, unsigned) { seen.push_back(user_data); });
    for (unsigned i = 0; i < 30; ++i) expected.push_back(i);
    return seen == expected;
  }));
}

TEST(RingOverflow, throws_where_there_is_nothing_to_reap_and_still_no_room) {
  const auto fifth_of_four = [](unsigned kernel_says) -> std::error_code {
    Ring ring(4, 4, ring_flag_sets[0]);
    refuse(__NR_io_uring_enter, kernel_says);
    for (unsigned i = 0; i < 4; ++i) ring.nop(i);
    try {
      ring.nop(4);
      return {};
    } catch (const std::system_error& error) {
      return error.code();
    }
  };
  EXPECT_TRUE(holds_in_child([&] { return fifth_of_four(EAGAIN) == std::errc::resource_unavailable_try_again; }));
  EXPECT_TRUE(holds_in_child([&] { return fifth_of_four(0) == std::errc::device_or_resource_busy; }));
}

volatile sig_atomic_t alarms = 0;

TEST(RingWait, is_ended_by_a_signal_and_by_nothing_else) {
  EXPECT_TRUE(holds_in_child([] {
    const std::unique_ptr<Ring> ring = Ring::open(64, 256);
    signal(SIGALRM, [](int) { alarms = alarms + 1; });
    const itimerval every_5_ms{{0, 5000}, {0, 5000}};
    setitimer(ITIMER_REAL, &every_5_ms, nullptr);
    const auto until_alarm = [&](std::optional<std::chrono::nanoseconds> timeout) {
      const int before = alarms;
      return ring->submit_and_wait(1, timeout) == 0 && alarms > before;
    };
    return until_alarm(std::nullopt) && until_alarm(1h) && until_alarm(std::chrono::nanoseconds::max());
  }));
}

TEST(RingFork, a_child_may_destroy_its_copy) {
  std::unique_ptr<Ring> ring = Ring::open(64, 256);
  ring->nop(1);
  EXPECT_TRUE(holds_in_child([&] { return ring.reset(), true; }));
  ring->submit_and_wait(1, std::nullopt);
  EXPECT_EQ(ring->for_each_cqe([](auto...) {}), 1u);
  EXPECT_TRUE(nop_works(*ring));
}

TEST(RingFork, a_child_that_uses_it_crashes_and_leaves_the_parent_alone) {
  const std::unique_ptr<Ring> ring = Ring::open(64, 256);
  EXPECT_FALSE(holds_in_child([&] {
    std::freopen("/dev/null", "w", stderr);
    const rlimit no_core{};
    setrlimit(RLIMIT_CORE, &no_core);
    ring->nop(1);
    return true;
  }));
  EXPECT_EQ(ring->peek(), 0u);
  EXPECT_TRUE(nop_works(*ring));
}

}  // namespace
