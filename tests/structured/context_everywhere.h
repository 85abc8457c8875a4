// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/asyncio.h>
#include <asyncio/testing.h>

#include <mutex>
#include <string>
#include <utility>
#include <vector>

// User code that notes which values it sees, for the tests of contexts.

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

const ContextVar<std::string> who("who", "nobody");
const ContextVar<bool> left_behind("left_behind", false);

// What user code saw, wherever it ran. Some of it runs in threads.
class Log {
 public:
  void touch() {
    const std::lock_guard lock(mutex_);
    seen_.push_back(who.get());
    left_behind.set(true);
  }
  std::vector<std::string> seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> seen_;
};

// Whose destructor is user code.
class Toucher {
 public:
  explicit Toucher(Log& log) : log_(&log) {}
  Toucher(Toucher&& other) noexcept : log_(std::exchange(other.log_, nullptr)) {}
  Toucher& operator=(Toucher&&) = delete;
  ~Toucher() { touch(); }
  void touch() const {
    if (log_ != nullptr) log_->touch();
  }
  Log* log() const { return log_; }

 private:
  Log* log_;
};

// A callable of any signature, which is user code when it is called and when it is destroyed.
struct Callable {
  explicit Callable(Log& log) : toucher(log) {}
  template <class... Args>
  void operator()(Args&&...) const {
    toucher.touch();
  }
  Toucher toucher;
};

inline Coro<> set_and_take([[maybe_unused]] Toucher parameter) {
  who.set("owner");
  co_return;
}
inline Coro<> take_and_wait([[maybe_unused]] Toucher parameter) { co_await sleep(1h); }
inline Coro<Toucher> give(Toucher result) {
  who.set("owner");
  co_return result;
}

// Does something as the owner, and goes on under another name.
template <class F>
auto as_owner(F f) {
  who.set("owner");
  struct Rename {
    ~Rename() { who.set("creator"); }
  } rename;
  return f();
}

}  // namespace
