// SPDX-License-Identifier: MIT
#include <asyncio/testing.h>

#include <asyncio/detail/frame_pool.h>
#include <asyncio/inspect.h>
#include <asyncio/outcome.h>

#include "loop/loop_state.h"
#include "testing/watchdog.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <locale>
#include <map>
#include <set>
#include <sstream>
#include <system_error>
#include <thread>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI::testing {

namespace {

thread_local std::vector<std::string> reports;

bool is_requirement(const std::exception_ptr& error) {
  if (error == nullptr) return false;
  try {
    std::rethrow_exception(error);
  } catch (const RequirementFailed&) {
    return true;
  } catch (...) {
    return false;
  }
}

std::string text_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception&) {
    return detail::text_of(error);  // what() may give null
  } catch (const CancelledError& known) {
    return known.what();
  } catch (const SystemExit&) {
    return "SystemExit";
  } catch (...) {
    return "an exception of an unknown type";
  }
}

std::string text_of(const ExceptionContext& context) {
  return context.exception == nullptr ? context.message : context.message + ": " + text_of(context.exception);
}

// --- tasks and callbacks

// A task that was cancelled as the last act of a test needs a few iterations of the loop to end, and so do a server and
// its clients. A thousand are more than enough, and end where settle() would not: a task that yields for ever.
constexpr int most_rounds = 1000;
constexpr std::size_t most_told = 10;  // of what may be left by the thousand

std::vector<TaskInfo> other_tasks() {
  std::vector<TaskInfo> tasks = describe_tasks();
  std::erase_if(tasks, [](const TaskInfo& task) { return task.state == TaskInfo::State::running; });
  return tasks;
}

bool is_anything_left() { return all_tasks().size() > 1 || !describe_handles().empty(); }

Coro<> let_it_end() {
  for (int round = 0; round < most_rounds && is_anything_left(); ++round) {
    try {
      co_await sleep(std::chrono::seconds(0));
    } catch (const CancelledError&) {  // the test has cancelled its own task, and ended
    }
  }
}

void fail_for(const char* what, const std::vector<std::string>& left) {
  const std::size_t told = std::min(left.size(), most_told);
  for (std::size_t i = 0; i < told; ++i) ADD_FAILURE() << what << left[i];
  if (told < left.size()) ADD_FAILURE() << what << "and " << left.size() - told << " more";
}

void fail_for_tasks_and_callbacks() {
  std::vector<std::string> tasks;
  for (const TaskInfo& task : other_tasks()) {
    std::string text = format_tasks({task});
    if (!task.created_in.empty()) text += "    started in " + task.created_in + '\n';
    tasks.push_back(std::move(text));
  }
  fail_for("a task is left: ", tasks);
  std::vector<std::string> callbacks;
  for (const HandleInfo& handle : describe_handles()) callbacks.push_back(format_handles({handle}));
  fail_for("a callback is left: ", callbacks);
}

// --- file descriptors

// By number: "socket:[4711]", "/dev/null".
std::map<int, std::string> open_descriptors() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) paths.push_back(entry.path());
  std::map<int, std::string> open;
  for (const std::filesystem::path& path : paths) {
    std::error_code gone;  // the one through which the directory was read
    const std::string target = std::filesystem::read_symlink(path, gone);
    if (!gone) open.emplace(std::stoi(path.filename()), target);
  }
  return open;
}

// The numbers of the threads. One that has been joined may still be among them for a moment.
std::set<std::string> threads() {
  std::set<std::string> numbers;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task"))
    numbers.insert(entry.path().filename().string());
  return numbers;
}

// What is open, once that is no more than before, or for good. A name lookup that was cancelled goes on in its thread,
// and has a file or a socket open for a moment.
std::map<int, std::string> settled_descriptors(const std::map<int, std::string>& before) {
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  std::map<int, std::string> open = open_descriptors();
  while (open.size() > before.size() && threads().size() > 1 && std::chrono::steady_clock::now() < patience) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    open = open_descriptors();
  }
  return open;
}

void fail_for_descriptors(const std::map<int, std::string>& before) {
  const std::map<int, std::string> open = settled_descriptors(before);
  if (open.size() <= before.size()) return;
  std::vector<std::string> left;
  for (const auto& entry : open) {
    const auto known = before.find(entry.first);
    if (known == before.end() || known->second != entry.second)
      left.push_back(std::to_string(entry.first) + ", " + entry.second);
  }
  fail_for("a file descriptor is left open: ", left);
}

// --- a test that does not end

// One run of a body.
class Trial {
 public:
  Trial(EventLoop& loop, const std::map<int, std::string>& descriptors) : loop_(loop), descriptors_(descriptors) {}

  Coro<> run(Coro<> (*body)());

  // Calls f, which runs the loop, and keeps what it throws: the next step is due all the same.
  template <class F>
  void step(F f) {
    try {
      f();
    } catch (...) {
      if (!given_up_ && error_ == nullptr) error_ = std::current_exception();
    }
  }
  void rethrow() const {
    if (error_ != nullptr) std::rethrow_exception(error_);
  }
  bool given_up() const { return given_up_; }

  // Those that are there before the body begins are none of its threads.
  void note_threads() { threads_ = threads(); }

  void stand_still() {
    if (!has_threads() && !has_connections())
      end("deadlock: no task is ready, no timer is armed, and nobody is there who could call; the tasks are\n");
  }
  void be_late(std::chrono::nanoseconds limit) {
    std::ostringstream why;
    why.imbue(std::locale::classic());
    why << "the test has not ended after " << std::chrono::duration<double>(limit).count()
        << " s (ASYNCIO_TEST_TIMEOUT); the tasks are\n";
    end(why.str());
  }

 private:
  void end(const std::string& why);
  bool has_threads() const;
  bool has_connections() const;

  EventLoop& loop_;
  const std::map<int, std::string>& descriptors_;  // that were open before
  std::set<std::string> threads_;
  AnyTask task_;            // of the body; none before it begins
  bool cancelled_ = false;  // by us
  bool given_up_ = false;   // the loop was left, with an error for those who run it
  std::exception_ptr error_;
};

Coro<> Trial::run(Coro<> (*body)()) {
  task_ = current_task();
  loop_.set_exception_handler([](EventLoop&, const ExceptionContext& context) {
    if (!is_requirement(context.exception)) reports.push_back(text_of(context));
  });
  bool returned = false;
  try {
    co_await body();
    returned = true;
  } catch (const RequirementFailed&) {
  } catch (const CancelledError& error) {
    if (!cancelled_) ADD_FAILURE() << "the test was cancelled: " << error.what();
  } catch (...) {
    ADD_FAILURE() << "the test threw " << format_exception();
  }
  // One that ended early cannot have awaited or cancelled what it had begun.
  if (returned && !cancelled_) {
    co_await let_it_end();
    fail_for_tasks_and_callbacks();
  }
}

// First with a cancel, so that the test can clean up. If that does not end it, nothing will.
void Trial::end(const std::string& why) {
  if (!std::exchange(cancelled_, true)) {
    ADD_FAILURE() << why << format_tasks(describe_tasks());
    if (task_ && task_.cancel()) {
      loop_.call_soon([] {});  // so that the loop comes back to us if the cancel moves nobody
      return;
    }
  }
  given_up_ = true;
  // Nothing less gets past the shutdown of a Runner.
  loop_.state().leave_with(std::make_exception_ptr(RuntimeError("the test was given up")));
}

bool Trial::has_threads() const {
  const std::set<std::string> now = threads();
  return !std::includes(threads_.begin(), threads_.end(), now.begin(), now.end());
}

// Whether the test has opened something through which another process could let it go on.
bool Trial::has_connections() const {
  for (const auto& [fd, target] : open_descriptors()) {
    if (!target.starts_with("socket:") && !target.starts_with("pipe:")) continue;
    const auto known = descriptors_.find(fd);
    if (known == descriptors_.end() || known->second != target) return true;
  }
  return false;
}

}  // namespace

std::vector<std::string> take_reports() { return std::exchange(reports, {}); }

void run_test(Coro<> (*body)(), Time time) {
  reports.clear();
  const std::map<int, std::string> descriptors = open_descriptors();
  const std::size_t memory = detail::FramePool::bytes_in_use();
  {
    VirtualClock clock;
    Runner runner({.clock = time == Time::virtual_time ? &clock : nullptr});
    Trial trial(runner.get_loop(), descriptors);
    clock.on_standstill([&trial] { trial.stand_still(); });
    const std::chrono::nanoseconds limit = test_timeout();
    const Watchdog watchdog(runner.get_loop(), limit, [&trial, limit] { trial.be_late(limit); });
    trial.note_threads();
    trial.step([&] { runner.run(trial.run(body)); });
    trial.step([&] { runner.close(); });
    if (trial.given_up()) reports.clear();  // of the tasks that had to be destroyed
    trial.rethrow();
  }
  EXPECT_EQ(detail::FramePool::bytes_in_use(), memory) << "a coroutine, task, future or handle is left in memory";
  fail_for_descriptors(descriptors);
  for (const std::string& report : take_reports()) ADD_FAILURE() << "reported to the exception handler: " << report;
}

}  // namespace asyncio::inline ASYNCIO_ABI::testing
