// SPDX-License-Identifier: MIT
// What every kernel interface has to do: what it refuses, how it waits, and with whom.
#include "child.h"
#include "contract.h"

#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

using namespace asyncio;
using namespace asyncio::detail;

namespace {

// --- what cannot be watched

TEST_P(BackendContract, what_cannot_wait_is_refused_with_eperm) {
  const char* const paths[] = {"/proc/self/exe", "/", "/dev/null"};
  for (const char* path : paths) {
    const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(fd) << path;
    Watched watched(fd);
    for (const bool once : {false, true}) {
      try {
        once ? backend_->watch_once(watched, can_read) : backend_->watch(watched);
        ADD_FAILURE() << path << " was accepted";
      } catch (const std::system_error& error) {
        EXPECT_EQ(error.code(), std::errc::operation_not_permitted) << path;
      }
      EXPECT_FALSE(watched.watched());
    }
  }
}

TEST_P(BackendContract, what_is_no_descriptor_is_refused_with_ebadf) {
  Watched none(-1);
  UniqueFd fd = event();
  Watched closed(fd);
  fd.reset();
  for (Watched* watched : {&none, &closed}) {
    try {
      backend_->watch(*watched);
      ADD_FAILURE() << "it was accepted";
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), std::errc::bad_file_descriptor);
    }
    EXPECT_FALSE(watched->watched());
  }
}

// --- waiting

TEST_P(BackendContract, a_wait_lasts_until_the_deadline) {
  // In a new thread: rings that other tests have left to the kernel interrupt the waits of the one that they were for.
  std::thread([this] {
    poll_all();
    for (const std::int64_t wait : {10'000, 100'000, 1'500'000, 20'000'000}) {
      const std::int64_t deadline = backend_->now() + wait;
      EXPECT_LE(polls_until(deadline), 3);
      EXPECT_LT(backend_->now(), deadline + patience);
    }
  }).join();
}

TEST_P(BackendContract, a_deadline_that_has_passed_only_looks) {
  const UniqueFd fd = event(1);
  Watched watched(fd);
  backend_->watch(watched);
  backend_->poll(backend_->now() - 1);
  EXPECT_EQ(watched.calls, 1);
  backend_->poll(-1);
  backend_->poll(1);
  EXPECT_EQ(watched.calls, 1);
  backend_->unwatch(watched);
}

TEST_P(BackendContract, a_wake_before_the_wait_ends_it) {
  for (const std::int64_t deadline : {KernelBackend::forever, KernelBackend::forever - 1}) {
    backend_->wake();
    backend_->poll(deadline);
    backend_->wake();
    backend_->wake();
    backend_->poll(deadline);
  }
}

TEST_P(BackendContract, a_wake_is_used_up_by_a_poll) {
  std::thread([this] {
    backend_->wake();
    poll_all();
    EXPECT_LE(polls_until(backend_->now() + 5'000'000), 3);
  }).join();
}

TEST_P(BackendContract, another_thread_wakes_a_wait) {
  std::atomic<int> asked = 0;
  std::atomic<int> seen = 0;
  std::thread other([&] {
    for (int i = 1; i <= 1000; ++i) {
      asked = i;
      backend_->wake();
      while (seen != i) std::this_thread::yield();
    }
  });
  while (seen < 1000) {
    backend_->poll(KernelBackend::forever);
    seen = asked.load();
  }
  other.join();
}

KernelBackend* woken_by_signal = nullptr;
std::atomic<int> signals_taken = 0;

TEST_P(BackendContract, a_signal_handler_wakes_a_wait) {
  struct sigaction action{};
  struct sigaction before{};
  action.sa_handler = [](int) {
    ++signals_taken;
    woken_by_signal->wake();
  };
  action.sa_flags = SA_RESTART;
  woken_by_signal = backend_.get();
  signals_taken = 0;
  ::sigaction(SIGUSR1, &action, &before);
  ::raise(SIGUSR1);
  backend_->poll(KernelBackend::forever);
  EXPECT_EQ(signals_taken, 1);

  const pthread_t self = ::pthread_self();
  std::thread other([self] { ::pthread_kill(self, SIGUSR1); });
  while (signals_taken < 2) backend_->poll(KernelBackend::forever);
  other.join();
  ::sigaction(SIGUSR1, &before, nullptr);
}

// --- many

TEST_P(BackendContract, ten_thousand_descriptors_are_told_each) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit before = limit;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const std::size_t count = std::min<std::size_t>(10'000, limit.rlim_cur - 200);
  {
    std::vector<UniqueFd> fds;
    std::vector<std::unique_ptr<Watched>> watched;
    for (std::size_t i = 0; i < count; ++i) {
      fds.push_back(event());
      watched.push_back(std::make_unique<Watched>(fds.back()));
      backend_->watch(*watched.back());
    }
    const auto told = [&] {
      return std::all_of(watched.begin(), watched.end(), [](const auto& each) { return (each->seen & can_read) != 0; });
    };
    // More than any queue of the kernel holds, twice: who was cut off the first time must be told the second time.
    for (int round = 0; round < 2; ++round) {
      backend_->poll(0);
      while (std::any_of(watched.begin(), watched.end(), [](const auto& each) { return each->calls > 0; })) {
        for (const auto& each : watched) each->forget();
        backend_->poll(0);
      }
      for (const UniqueFd& fd : fds) signal_event(fd);
      until(told);
    }
    for (const auto& each : watched) backend_->unwatch(*each);
    for (const auto& each : watched) each->forget();
    for (const UniqueFd& fd : fds) signal_event(fd);
    poll_all();
    EXPECT_TRUE(std::all_of(watched.begin(), watched.end(), [](const auto& each) { return each->calls == 0; }));
  }
  ::setrlimit(RLIMIT_NOFILE, &before);
}

// --- threads and processes

TEST_P(BackendContract, it_may_be_made_and_watch_in_one_thread_and_run_in_another) {
  const UniqueFd fds[3] = {event(1), event(1), event(1)};
  Watched edges(fds[0]);
  Watched once(fds[1]);
  Watched withdrawn(fds[2]);
  backend_->watch(edges);
  backend_->watch_once(once, can_write);
  backend_->watch_once(once, can_read);
  backend_->watch(withdrawn);
  backend_->unwatch(withdrawn);
  std::thread([&] {
    poll_all();
    EXPECT_EQ(edges.seen & can_read, can_read);
    EXPECT_EQ(once.seen, can_read);
    EXPECT_EQ(withdrawn.calls, 0);
    edges.forget();
    signal_event(fds[0]);
    poll_all();
    EXPECT_EQ(edges.seen & can_read, can_read);
  }).join();
  backend_->unwatch(edges);  // the thread has ended: it is allowed here
  backend_->unwatch(once);
  backend_.reset();
}

TEST_P(BackendContract, its_memory_of_a_thread_that_has_ended_holds_no_file) {
  std::uint16_t port = 0;
  UniqueFd listener = listen_at(port);
  Watched server(listener);
  std::thread([&] {
    backend_->watch(server);
    poll_all();
  }).join();
  backend_->unwatch(server);
  listener.reset();
  backend_.reset();
  // Asynchronous on io_uring: the kernel ends what the thread left.
  const std::int64_t end = make()->now() + patience;
  const auto clock = make();
  bool free = false;
  while (!(free = static_cast<bool>(listen_at(port))) && clock->now() < end) clock->poll(clock->now() + 1'000'000);
  EXPECT_TRUE(free);
}

TEST_P(BackendContract, a_forked_child_leaves_its_parents_watches_alone) {
  const UniqueFd fd = event();
  Watched watched(fd);
  backend_->watch(watched);
  poll_all();
  in_child([&] {
    EXPECT_THROW(backend_->poll(0), RuntimeError);
    EXPECT_THROW(backend_->poll(KernelBackend::forever), RuntimeError);
    const UniqueFd other = event();
    Watched another(other);
    EXPECT_THROW(backend_->watch(another), RuntimeError);
    EXPECT_THROW(backend_->watch_once(another, can_read), RuntimeError);
    EXPECT_FALSE(another.watched());
    backend_->wake();
    backend_->unwatch(watched);
    EXPECT_FALSE(watched.watched());
    backend_.reset();

    backend_ = make();  // of its own
    Watched mine(fd);
    backend_->watch(mine);
    signal_event(fd);
    until_seen(mine, can_read);
    backend_->unwatch(mine);
    backend_.reset();
  });
  until_seen(watched, can_read);
  watched.forget();
  signal_event(fd);
  until_seen(watched, can_read);
  backend_->unwatch(watched);
}

// --- where they differ

TEST(UringBackend, runs_in_one_thread_only) {
  std::string why;
  const std::unique_ptr<UringBackend> backend = UringBackend::make(why);
  ASSERT_NE(backend, nullptr) << why;
  std::thread([&] { backend->poll(0); }).join();
  const UniqueFd fd = event();
  Watched watched(fd);
  EXPECT_THROW(backend->poll(0), RuntimeError);
  EXPECT_THROW(backend->watch(watched), RuntimeError);
  EXPECT_THROW(backend->watch_once(watched, can_read), RuntimeError);
  EXPECT_FALSE(watched.watched());
}

TEST(EpollBackend, may_go_on_in_another_thread) {
  const std::unique_ptr<KernelBackend> backend = make_backend(Backend::epoll, false);
  std::thread([&] { backend->poll(0); }).join();
  const UniqueFd fd = event(1);
  Watched watched(fd);
  backend->watch(watched);
  backend->poll(0);
  EXPECT_EQ(watched.calls, 1);
  backend->unwatch(watched);
}

TEST(UringBackend, looks_without_a_system_call_where_nothing_has_happened) {
  std::string why;
  ASSERT_NE(UringBackend::make(why), nullptr) << why;
  in_child([] {
    std::string reason;
    const std::unique_ptr<UringBackend> backend = UringBackend::make(reason);
    const UniqueFd fd = event();
    Watched watched(fd);
    backend->watch(watched);
    for (int i = 0; i < 5; ++i) backend->poll(0);
    forbid({__NR_io_uring_enter, __NR_io_uring_register, __NR_epoll_wait, __NR_epoll_pwait, __NR_epoll_pwait2},
           SECCOMP_RET_KILL_PROCESS);
    for (int i = 0; i < 1000; ++i) backend->poll(0);
    std::_Exit(testing::Test::HasFailure() ? 1 : 0);  // the destructor would be killed
  });
}

}  // namespace
