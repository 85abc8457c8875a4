// SPDX-License-Identifier: MIT
#include <asyncio/error.h>
#include <asyncio/event_loop.h>

#include "backend/backend.h"
#include "backend/io_uring.h"
#include "child.h"

#include <sys/mman.h>
#include <sys/resource.h>

#include <string>
#include <system_error>

using namespace asyncio;
using namespace asyncio::detail;

namespace {

bool has_io_uring() {
  std::string why;
  return UringBackend::make(why) != nullptr;
}

std::string name_of(Backend kind) { return std::string(to_string(make_backend(kind, false)->kind())); }

// What f() writes to standard error.
template <class F>
std::string errors_of(F&& f) {
  const int file = ::memfd_create("stderr", 0);
  const int before = ::dup(STDERR_FILENO);
  ::dup2(file, STDERR_FILENO);
  f();
  ::dup2(before, STDERR_FILENO);
  ::close(before);
  char text[1000];
  const ssize_t length = ::pread(file, text, sizeof text, 0);
  ::close(file);
  return std::string(text, length > 0 ? static_cast<std::size_t>(length) : 0);
}

std::string message_of(Backend kind) {
  try {
    make_backend(kind, false);
  } catch (const RuntimeError& error) {
    return error.what();
  }
  return "it did not throw";
}

TEST(ChooseBackend, the_kind_that_is_named_is_taken) {
  EXPECT_EQ(name_of(Backend::epoll), "epoll");
  if (has_io_uring()) {
    EXPECT_EQ(name_of(Backend::io_uring), "io_uring");
  }
}

TEST(ChooseBackend, a_loop_tells_which_it_has_taken) {
  EXPECT_EQ(EventLoop({.backend = Backend::epoll}).backend(), Backend::epoll);
  const Backend taken = EventLoop().backend();
  EXPECT_TRUE(taken == Backend::epoll || taken == Backend::io_uring);
  EXPECT_EQ(to_string(Backend::automatic), "automatic");
}

TEST(ChooseBackend, automatic_takes_io_uring_where_it_works) {
  in_child([] {
    ::unsetenv("ASYNCIO_BACKEND");
    EXPECT_EQ(name_of(Backend::automatic), has_io_uring() ? "io_uring" : "epoll");
  });
}

TEST(ChooseBackend, the_environment_decides_for_automatic_alone) {
  in_child([] {
    ::setenv("ASYNCIO_BACKEND", "epoll", 1);
    EXPECT_EQ(name_of(Backend::automatic), "epoll");
    if (has_io_uring()) {
      EXPECT_EQ(name_of(Backend::io_uring), "io_uring");
      ::setenv("ASYNCIO_BACKEND", "io_uring", 1);
      EXPECT_EQ(name_of(Backend::automatic), "io_uring");
      EXPECT_EQ(name_of(Backend::epoll), "epoll");
    }
  });
}

TEST(ChooseBackend, an_unknown_name_in_the_environment_is_an_error) {
  in_child([] {
    ::setenv("ASYNCIO_BACKEND", "kqueue", 1);
    EXPECT_EQ(message_of(Backend::automatic), "ASYNCIO_BACKEND: 'kqueue' is neither epoll nor io_uring");
    EXPECT_EQ(name_of(Backend::epoll), "epoll");
  });
}

TEST(ChooseBackend, debug_mode_says_which_and_why) {
  in_child([] {
    ::unsetenv("ASYNCIO_BACKEND");
    EXPECT_EQ(errors_of([] { make_backend(Backend::automatic, false); }), "");
    EXPECT_EQ(errors_of([] { make_backend(Backend::epoll, true); }),
              "asyncio: this loop uses epoll: the program asked for it\n");
    ::setenv("ASYNCIO_BACKEND", "epoll", 1);
    EXPECT_EQ(errors_of([] { make_backend(Backend::automatic, true); }),
              "asyncio: this loop uses epoll: ASYNCIO_BACKEND names it\n");
  });
}

TEST(ChooseBackend, where_a_sandbox_forbids_io_uring_automatic_takes_epoll_and_the_name_is_an_error) {
  in_child([] {
    ::unsetenv("ASYNCIO_BACKEND");
    forbid({__NR_io_uring_setup}, SECCOMP_RET_ERRNO | EPERM);
    EXPECT_EQ(name_of(Backend::automatic), "epoll");
    EXPECT_EQ(errors_of([] { make_backend(Backend::automatic, true); }),
              "asyncio: this loop uses epoll: io_uring is not available: io_uring_setup: Operation not permitted\n");
    const char* const message = "io_uring is not available: io_uring_setup: Operation not permitted";
    EXPECT_EQ(message_of(Backend::io_uring), message);
    ::setenv("ASYNCIO_BACKEND", "io_uring", 1);
    EXPECT_EQ(message_of(Backend::automatic), message);
  });
}

TEST(ChooseBackend, a_sandbox_that_comes_after_the_first_loop_is_noticed) {
  in_child([] {
    ::unsetenv("ASYNCIO_BACKEND");
    EXPECT_EQ(name_of(Backend::automatic), has_io_uring() ? "io_uring" : "epoll");
    forbid({__NR_io_uring_setup}, SECCOMP_RET_ERRNO | EPERM);
    EXPECT_EQ(name_of(Backend::automatic), "epoll");
  });
}

// The next test runs it in a process of its own, where no ring has worked before.
TEST(ChooseBackend, automatic_takes_what_works) {
  in_child([] {
    ::unsetenv("ASYNCIO_BACKEND");
    const char* const works = ::getenv("ASYNCIO_TEST_WORKS");
    EXPECT_EQ(name_of(Backend::automatic), works != nullptr ? works : has_io_uring() ? "io_uring" : "epoll");
  });
}

TEST(ChooseBackend, a_sandbox_that_forbids_only_a_part_is_noticed_too) {
  for (const int call : {__NR_io_uring_enter, __NR_io_uring_register}) {
    in_child([call] {
      ::unsetenv("ASYNCIO_BACKEND");
      forbid({call}, SECCOMP_RET_ERRNO | EPERM);
      ::setenv("ASYNCIO_TEST_WORKS", "epoll", 1);
      ::execl("/proc/self/exe", "child", "--gtest_filter=ChooseBackend.automatic_takes_what_works", "--gtest_brief=1",
              nullptr);
      ADD_FAILURE() << "execl";
    });
  }
}

TEST(ChooseBackend, a_shortage_of_descriptors_is_reported_and_not_taken_for_a_sandbox) {
  in_child([] {
    ::unsetenv("ASYNCIO_BACKEND");
    const bool io_uring = has_io_uring();
    const int next = ::dup(STDERR_FILENO);
    ::close(next);
    const rlimit none{static_cast<rlim_t>(next), static_cast<rlim_t>(next)};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    for (const Backend kind : {Backend::automatic, Backend::epoll, Backend::io_uring}) {
      if (kind == Backend::io_uring && !io_uring) continue;
      try {
        make_backend(kind, false);
        ADD_FAILURE() << "a backend without descriptors";
      } catch (const std::system_error& error) {
        EXPECT_EQ(error.code(), std::errc::too_many_files_open);
      }
    }
  });
}

}  // namespace
