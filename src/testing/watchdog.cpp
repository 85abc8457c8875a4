// SPDX-License-Identifier: MIT
#include "testing/watchdog.h"

#include <gtest/gtest.h>

#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI::testing {

namespace {
constexpr const char* variable = "ASYNCIO_TEST_TIMEOUT";
constexpr std::chrono::seconds usual_limit(60);
constexpr std::chrono::nanoseconds shortest_grace = std::chrono::seconds(1);  // for a test that is told to end
constexpr std::chrono::nanoseconds longest_grace = std::chrono::seconds(10);

std::string name_of_test() {
  const ::testing::TestInfo* info = ::testing::UnitTest::GetInstance()->current_test_info();
  return info != nullptr ? std::string(info->test_suite_name()) + '.' + info->name() : "a test";
}

// Has this thread, and those that it starts, get no signals.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};
}  // namespace

std::chrono::nanoseconds test_timeout() {
  const char* text = std::getenv(variable);
  if (text == nullptr || *text == '\0') return usual_limit;
  char* end = nullptr;
  const double seconds = std::strtod(text, &end);
  if (*end != '\0' || !(seconds >= 0)) {
    ADD_FAILURE() << variable << " is '" << text << "': a number of seconds was expected, or 0 for no limit";
    return usual_limit;
  }
  return detail::to_nanoseconds(std::chrono::duration<double>(seconds));
}

Watchdog::Watchdog(EventLoop& loop, std::chrono::nanoseconds limit, detail::Callback<void()> on_late)
    : loop_(loop), limit_(limit), on_late_(std::move(on_late)), watched_(::pthread_self()), test_(name_of_test()) {
  if (limit.count() <= 0) return;
  const SignalsBlocked blocked;
  thread_ = std::thread([this] { watch(); });
}

Watchdog::~Watchdog() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Watchdog::watch() {
  if (ended_within(limit_)) return;
  call_loop();
  if (ended_within(std::clamp(limit_, shortest_grace, longest_grace))) return;
  end_program();
}

bool Watchdog::ended_within(std::chrono::nanoseconds time) {
  std::unique_lock lock(mutex_);
  // By parts: a deadline far ahead is more than some clocks hold.
  constexpr std::chrono::nanoseconds part = std::chrono::hours(1);
  for (; time.count() > 0 && !ended_; time -= std::min(time, part))
    changed_.wait_for(lock, std::min(time, part), [this] { return ended_; });
  return ended_;
}

void Watchdog::call_loop() {
  try {
    loop_.call_soon_threadsafe([this] {
      {
        const std::lock_guard lock(mutex_);
        called_ = true;
      }
      on_late_();
    });
  } catch (const RuntimeError&) {  // it is closed: what is left is to destroy what the test has left
  }
}

void Watchdog::end_program() {
  bool called = false;
  {
    const std::lock_guard lock(mutex_);
    called = called_;
  }
  const double seconds = std::chrono::duration<double>(limit_).count();
  std::fprintf(stderr, "%s has not ended after %g s (%s), and %s. This ends the program.\n", test_.c_str(), seconds,
               variable, called ? "does not end on a cancel" : "its loop is stuck in a step that does not return");
  std::fflush(stderr);
  std::fflush(stdout);
  ::pthread_kill(watched_, SIGABRT);
  std::this_thread::sleep_for(longest_grace);  // unless SIGABRT is blocked, or handled, there
  std::abort();
}

}  // namespace asyncio::inline ASYNCIO_ABI::testing
