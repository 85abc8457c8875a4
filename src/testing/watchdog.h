// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/event_loop.h>

#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace asyncio::inline ASYNCIO_ABI::testing {

// How long a test may take in real time: what the environment says in ASYNCIO_TEST_TIMEOUT, in seconds, of which 0
// is no limit; else a minute. Fails the test where that is no number.
std::chrono::nanoseconds test_timeout();

// Has the loop of a test call `on_late` when it has not ended in time. If that does not end it either, the loop is
// stuck in a step, which nobody can interrupt, or the test holds out: the program is ended, by SIGABRT to the thread
// that is stuck, so that a debugger or a sanitizer shows where. To be made in the thread of the loop, and to go before
// the loop does.
class Watchdog {
 public:
  Watchdog(EventLoop& loop, std::chrono::nanoseconds limit, detail::Callback<void()> on_late);
  Watchdog(const Watchdog&) = delete;
  ~Watchdog();

 private:
  void watch();
  bool ended_within(std::chrono::nanoseconds time);
  void call_loop();
  [[noreturn]] void end_program();

  EventLoop& loop_;
  const std::chrono::nanoseconds limit_;
  detail::Callback<void()> on_late_;
  const pthread_t watched_;
  std::string test_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;   // of the test, and
  bool called_ = false;  // of on_late_: the loop still takes calls
  std::thread thread_;   // none where there is no limit
};

}  // namespace asyncio::inline ASYNCIO_ABI::testing
