// SPDX-License-Identifier: MIT
#include <asyncio/detail/frame_pool.h>
#include <asyncio/event_loop.h>
#include <asyncio/exception_group.h>
#include <asyncio/run.h>
#include <asyncio/virtual_clock.h>

#include "tests/allocation/failing_new.h"
#include "tests/allocation/scenarios.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <system_error>

namespace allocation_test {

using namespace asyncio;

namespace {

constexpr unsigned longest_run = 20;  // seconds

char where[128] = "";  // for whoever ends the program

void tell_and_end(const char* what) {
  char text[256];
  const int length = std::snprintf(text, sizeof text, "%s: %s\n", where, what);
  if (::write(STDERR_FILENO, text, static_cast<std::size_t>(length)) < 0) std::_Exit(3);
  std::_Exit(2);
}

// Says where it was when the program hangs or terminates.
class Watch {
 public:
  Watch() : alarm_(std::signal(SIGALRM, [](int) { tell_and_end("hangs"); })) {
    terminate_ = std::set_terminate([] { tell_and_end("terminates"); });
  }
  Watch(const Watch&) = delete;
  ~Watch() {
    ::alarm(0);
    std::signal(SIGALRM, alarm_);
    std::set_terminate(terminate_);
  }

 private:
  void (*alarm_)(int);
  std::terminate_handler terminate_;
};

// Whether it is the want of memory, and nothing else.
bool is_want_of_memory(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::bad_alloc&) {
    return true;
  } catch (const ExceptionGroup& group) {
    return !group.subgroup([](const std::exception_ptr& leaf) { return !detail::holds<std::bad_alloc>(leaf); });
  } catch (...) {
    return false;
  }
}

Coro<> run_quietly(Coro<> (*body)()) {
  get_running_loop().set_exception_handler([](EventLoop&, const ExceptionContext&) {});
  co_await body();
}

long disarm(const Scenario& scenario) {
  return scenario.in_threads ? failing_new::disarm_others() : failing_new::disarm();
}

// What came out of it; null for nothing.
std::exception_ptr outcome(const Scenario& scenario, long nth) {
  std::snprintf(where, sizeof where, "%s, allocation %ld", scenario.name, nth);
  ::alarm(longest_run);
  VirtualClock clock;
  RunOptions options;
  if (!scenario.real_time) options.clock = &clock;
  scenario.in_threads ? failing_new::arm_others(nth) : failing_new::arm(nth);
  std::exception_ptr error;
  try {
    run(run_quietly(scenario.body), options);
  } catch (...) {
    error = std::current_exception();
  }
  return error;
}

std::string text_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "something that is no std::exception";
  }
}

// Memory that is kept for the next time does not count, as for the tracebacks of the last few exceptions: what is lost
// is lost each time.
bool leaks(const Scenario& scenario, long nth) {
  for (int i = 0; i < 20; ++i) {
    const long before = failing_new::live();
    outcome(scenario, nth);
    disarm(scenario);
    if (failing_new::live() <= before) return false;
  }
  return true;
}

}  // namespace

void fail_every_allocation(const Scenario& scenario, long first, long stride) {
  Watch watch;
  outcome(scenario, 0);
  const std::exception_ptr error = outcome(scenario, 0);
  const long allocations = disarm(scenario);
  ASSERT_EQ(error, nullptr) << text_of(error);
  ASSERT_GT(allocations, 0);
  long most_live = failing_new::live();
  const std::size_t in_use = detail::FramePool::bytes_in_use();
  for (long nth = first; nth <= allocations; nth += stride) {
    const std::exception_ptr came = outcome(scenario, nth);
    disarm(scenario);
    EXPECT_TRUE(came == nullptr || is_want_of_memory(came)) << where << " ends with " << text_of(came);
    EXPECT_EQ(detail::FramePool::bytes_in_use(), in_use) << where;
    if (failing_new::live() > most_live) {
      EXPECT_FALSE(leaks(scenario, nth)) << where << " leaks";
      most_live = failing_new::live();
    }
    if (::testing::Test::HasFailure()) return;
  }
  const std::exception_ptr after = outcome(scenario, 0);
  disarm(scenario);
  EXPECT_EQ(after, nullptr) << text_of(after);
}

}  // namespace allocation_test
