// SPDX-License-Identifier: MIT
#include <asyncio/testing.h>

#include <asyncio/frame_pool.h>

#include <chrono>
#include <filesystem>
#include <iterator>
#include <thread>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI::testing {

namespace {

// Thrown by require(); what it says has been recorded by then.
struct RequirementFailed {};

thread_local std::vector<std::string> reports;

std::string text_of(const ExceptionContext& context) {
  if (context.exception == nullptr) return context.message;
  try {
    std::rethrow_exception(context.exception);
  } catch (const std::exception& error) {
    return context.message + ": " + error.what();
  } catch (const CancelledError& error) {
    return context.message + ": " + error.what();
  } catch (...) {
    return context.message + ": an exception of an unknown type";
  }
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator entries("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

// How many there are once it is no more than `expected`, or for good. A name lookup that was cancelled goes on in its
// thread, and has a file or a socket open for a moment.
std::size_t settled_descriptors(std::size_t expected) {
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  std::size_t open = open_descriptors();
  while (open > expected && std::chrono::steady_clock::now() < patience) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    open = open_descriptors();
  }
  return open;
}

Coro<> guarded(Coro<> (*body)()) {
  get_running_loop().set_exception_handler(
      [](EventLoop&, const ExceptionContext& context) { reports.push_back(text_of(context)); });
  try {
    co_await body();
  } catch (const RequirementFailed&) {
  } catch (const std::exception& error) {
    ADD_FAILURE() << "the test threw " << error.what();
  } catch (const CancelledError& error) {
    ADD_FAILURE() << "the test was cancelled: " << error.what();
  }
}

}  // namespace

void require(bool condition, const std::source_location& where) {
  if (condition) return;
  GTEST_MESSAGE_AT_(where.file_name(), static_cast<int>(where.line()), "require(): the condition does not hold",
                    ::testing::TestPartResult::kFatalFailure);
  throw RequirementFailed();
}

std::vector<std::string> take_reports() { return std::exchange(reports, {}); }

void run_test(Coro<> (*body)(), Time time) {
  reports.clear();
  const std::size_t descriptors = open_descriptors();
  const std::size_t memory = FramePool::bytes_in_use();
  {
    VirtualClock clock;
    run(guarded(body), {.clock = time == Time::virtual_time ? &clock : nullptr});
  }
  EXPECT_EQ(FramePool::bytes_in_use(), memory) << "a coroutine, task, future or handle is left in memory";
  EXPECT_LE(settled_descriptors(descriptors), descriptors) << "a file descriptor is left open";
  for (const std::string& report : take_reports()) ADD_FAILURE() << "reported to the exception handler: " << report;
}

}  // namespace asyncio::inline ASYNCIO_ABI::testing
