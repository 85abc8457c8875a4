// SPDX-License-Identifier: MIT
#include "backend/ring.h"

#include <gtest/gtest.h>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

using namespace asyncio;
using namespace asyncio::detail;
using namespace std::chrono_literals;

namespace {

struct Completion {
  std::uint64_t user_data;
  int result;
  bool more = false;
  auto operator<=>(const Completion&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Completion& completion) {
  return out << '{' << completion.user_data << ", " << completion.result << (completion.more ? ", more}" : "}");
}

using Completions = std::vector<Completion>;

Completions reap(Ring& ring) {
  Completions reaped;
  ring.for_each_cqe([&](std::uint64_t user_data, int result, unsigned flags) {
    reaped.push_back({user_data, result, (flags & IORING_CQE_F_MORE) != 0});
  });
  return reaped;
}

// Submits, waits for `count` completions, and returns all that are ready, in the order of user_data.
Completions complete(Ring& ring, unsigned count) {
  ring.submit_and_wait(count, 10s);
  Completions completions = reap(ring);
  std::sort(completions.begin(), completions.end());
  return completions;
}

// Counts, by user_data, all completions that there are.
void reap_all(Ring& ring, std::vector<int>& seen) {
  while (ring.peek() != 0)
    for (const Completion& completion : reap(ring)) ++seen[completion.user_data];
}

// Nothing is ready, queued or about to happen.
void expect_idle(Ring& ring) {
  EXPECT_EQ(ring.peek(), 0u);
  EXPECT_EQ(reap(ring), Completions{});
}

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {
    if (fd < 0) throw std::system_error(errno, std::generic_category());
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { ::close(fd_); }
  operator int() const { return fd_; }

 private:
  int fd_;
};

Fd event() { return Fd(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)); }

// Runs with each set of flags that open() may settle for.
class RingTest : public testing::TestWithParam<unsigned> {
 protected:
  Ring ring{64, 256, GetParam()};
};

TEST_P(RingTest, passes_its_own_test_and_is_unused_after_it) {
  ring.self_test();
  expect_idle(ring);
  EXPECT_EQ(ring.setup_flags(), GetParam());
}

TEST_P(RingTest, a_nop_comes_back_with_its_user_data) {
  ring.nop(0xfedcba9876543210);
  EXPECT_EQ(complete(ring, 1), (Completions{{0xfedcba9876543210, 0}}));
  expect_idle(ring);
}

TEST_P(RingTest, more_entries_than_fit_come_back_once_each) {
  constexpr unsigned count = 10'000;
  std::vector<int> seen(count);
  for (unsigned i = 0; i < count; ++i) {
    ring.nop(i);
    if (i % 1000 == 0) reap_all(ring, seen);  // more than the completion queue holds
  }
  reap_all(ring, seen);
  EXPECT_EQ(seen, std::vector<int>(count, 1));
  expect_idle(ring);
}

TEST_P(RingTest, survives_more_completions_than_fit) {
  Ring small(8, 16, GetParam());
  for (unsigned i = 0; i < 100; ++i) small.nop(i);  // nobody reaps
  small.submit();
  Completions expected;
  for (unsigned i = 0; i < 100; ++i) expected.push_back({i, 0});
  Completions seen;
  while (small.submit_and_wait(1, 0s) != 0)
    for (const Completion& completion : reap(small)) seen.push_back(completion);
  EXPECT_EQ(seen, expected);
}

TEST_P(RingTest, a_wait_reaches_completions_that_did_not_fit) {
  Ring small(8, 16, GetParam());
  for (unsigned i = 0; i < 17; ++i) small.nop(i);
  small.submit();
  EXPECT_EQ(reap(small).size(), 16u);
  EXPECT_EQ(small.submit_and_wait(1, std::nullopt), 1u);
  EXPECT_EQ(reap(small), (Completions{{16, 0}}));
}

TEST_P(RingTest, a_poll_completes_once) {
  const Fd fd = event();
  ring.poll(fd, POLLIN, 1);
  ring.submit();
  EXPECT_EQ(ring.peek(), 0u);
  eventfd_write(fd, 1);
  eventfd_write(fd, 1);
  EXPECT_EQ(ring.peek(), 1u);
  EXPECT_EQ(reap(ring), (Completions{{1, POLLIN}}));
  expect_idle(ring);
}

TEST_P(RingTest, a_multishot_poll_reports_every_edge_and_ends_when_cancelled) {
  const Fd fd = event();
  ring.poll_multishot(fd, POLLIN, 1);
  ring.submit();
  expect_idle(ring);
  for (int i = 0; i < 3; ++i) {
    eventfd_write(fd, 1);  // an edge, though nobody has read the one before
    EXPECT_EQ(complete(ring, 1), (Completions{{1, POLLIN, true}}));
    expect_idle(ring);
  }
  ring.cancel(1, 2).flags = IOSQE_CQE_SKIP_SUCCESS;
  EXPECT_EQ(complete(ring, 1), (Completions{{1, -ECANCELED}}));
  eventfd_write(fd, 1);
  expect_idle(ring);
}

TEST_P(RingTest, a_multishot_poll_names_the_direction_of_an_edge) {
  int fds[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
  const Fd here(fds[0]);
  std::optional<Fd> there(std::in_place, fds[1]);
  ring.poll_multishot(here, POLLIN | POLLOUT | POLLRDHUP, 1);
  EXPECT_EQ(complete(ring, 1), (Completions{{1, POLLOUT, true}}));
  ASSERT_EQ(::write(*there, "x", 1), 1);
  EXPECT_TRUE(complete(ring, 1).at(0).result & POLLIN);
  there.reset();
  EXPECT_EQ(~complete(ring, 1).at(0).result & (POLLIN | POLLRDHUP | POLLHUP), 0);
}

TEST_P(RingTest, a_cancel_that_finds_nothing_says_so) {
  ring.cancel(1, 2);
  EXPECT_EQ(complete(ring, 1), (Completions{{2, -ENOENT}}));
}

TEST_P(RingTest, cancel_all_ends_everything_and_counts_it) {
  const Fd fd = event();
  ring.poll_multishot(fd, POLLIN, 1);
  ring.poll(fd, POLLIN, 1);
  ring.cancel_all(3);
  EXPECT_EQ(complete(ring, 3), (Completions{{1, -ECANCELED}, {1, -ECANCELED}, {3, 2}}));
  expect_idle(ring);
}

TEST_P(RingTest, a_wait_ends_without_completions_when_its_time_is_up) {
  const Fd fd = event();
  ring.poll_multishot(fd, POLLIN, 1);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(ring.submit_and_wait(1, 2ms), 0u);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 2ms);
  EXPECT_EQ(ring.submit_and_wait(1, 0ns), 0u);
  EXPECT_EQ(ring.submit_and_wait(1, -1s), 0u);
  eventfd_write(fd, 1);
  EXPECT_EQ(ring.submit_and_wait(1, 0ns), 1u);
  EXPECT_EQ(reap(ring), (Completions{{1, POLLIN, true}}));
}

TEST_P(RingTest, what_a_function_completes_is_left_for_the_next_time) {
  ring.nop(0);
  ring.submit_and_wait(1, std::nullopt);
  std::vector<std::uint64_t> seen;
  const auto again = [&](std::uint64_t user_data, int, unsigned) {
    seen.push_back(user_data);
    ring.nop(user_data + 1);
    ring.submit_and_wait(1, std::nullopt);
  };
  EXPECT_EQ(ring.for_each_cqe(again), 1u);
  EXPECT_EQ(ring.for_each_cqe(again), 1u);
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{0, 1}));
  EXPECT_EQ(reap(ring), (Completions{{2, 0}}));
}

TEST_P(RingTest, a_function_may_fill_the_queues_and_reap) {
  std::vector<int> seen(1003);
  for (unsigned i = 0; i < 3; ++i) ring.nop(i);
  ring.submit_and_wait(3, std::nullopt);
  ring.for_each_cqe([&](std::uint64_t user_data, int, unsigned) {
    ++seen[user_data];
    if (user_data != 0) return;
    for (unsigned i = 3; i < 1003; ++i) ring.nop(i);
    for (const Completion& completion : reap(ring)) ++seen[completion.user_data];
  });
  reap_all(ring, seen);
  EXPECT_EQ(seen, std::vector<int>(1003, 1));
}

TEST_P(RingTest, a_function_that_throws_loses_no_other_completion) {
  ring.nop(1);
  ring.nop(2);
  ring.submit_and_wait(2, std::nullopt);
  EXPECT_THROW(ring.for_each_cqe([](auto...) { throw std::runtime_error("first"); }), std::runtime_error);
  EXPECT_EQ(reap(ring), (Completions{{2, 0}}));
}

TEST_P(RingTest, another_thread_is_refused_and_does_no_harm) {
  const bool has_owner = (GetParam() & IORING_SETUP_SINGLE_ISSUER) != 0;  // older kernels let anybody in
  ring.nop(1);
  std::error_code code;
  std::thread([&] {
    try {
      ring.submit();
    } catch (const std::system_error& error) {
      code = error.code();
      EXPECT_NE(std::string_view(error.what()).find("belongs to the thread that opened it"), std::string_view::npos);
    }
  }).join();
  if (has_owner) {
    EXPECT_EQ(code, std::errc::file_exists);
  } else {
    EXPECT_FALSE(code);
  }
  EXPECT_EQ(complete(ring, 1), (Completions{{1, 0}}));
}

TEST_P(RingTest, a_disabled_ring_belongs_to_the_thread_that_enables_it) {
  Ring disabled(4, 8, GetParam() | IORING_SETUP_R_DISABLED);
  disabled.nop(1);
  EXPECT_THROW(disabled.submit(), std::system_error);
  std::thread([&] {
    disabled.enable();
    EXPECT_EQ(complete(disabled, 1), (Completions{{1, 0}}));
    EXPECT_THROW(disabled.enable(), std::system_error);
  }).join();
  if ((GetParam() & IORING_SETUP_SINGLE_ISSUER) != 0) {
    disabled.nop(2);
    EXPECT_THROW(disabled.submit(), std::system_error);
  }
}

INSTANTIATE_TEST_SUITE_P(, RingTest, testing::ValuesIn(ring_flag_sets),
                         [](const auto& set) { return "flags_" + std::to_string(set.index); });

}  // namespace
