// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/task_group.h>
#include <asyncio/testing.h>
#include <asyncio/with.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>

// What the tests of TaskGroup have in common.
namespace group_test {

using namespace asyncio;
using namespace std::chrono_literals;

struct Oops : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What a block ended with: "value", "given up", "cancelled", or "group[a b inner[c]]".
inline std::string names(const ExceptionGroup& group) {
  std::string text = "group[";
  for (const std::exception_ptr& member : group.exceptions()) {
    if (text.back() != '[') text += ' ';
    try {
      std::rethrow_exception(member);
    } catch (const ExceptionGroup& nested) {
      text += names(nested);
    } catch (const std::exception& e) {
      text += e.what();
    } catch (...) {
      text += "not an exception";
    }
  }
  return text + "]";
}

template <class Body>
Coro<std::string> outcome(Body body) {
  try {
    const bool completed = co_await with(TaskGroup(), std::move(body));
    co_return completed ? "value" : "given up";
  } catch (const ExceptionGroup& group) {
    EXPECT_EQ(group.message(), "unhandled errors in a TaskGroup");
    co_return names(group);
  } catch (const CancelledError&) {
    co_return "cancelled";
  }
}

inline Coro<> fail(std::string what, std::chrono::seconds after = 0s) {
  if (after > 0s) co_await sleep(after);
  throw Oops(what);
}

// Sleeps, and signs the log: how it ended, and when its cleaning up was over.
inline Coro<> work(std::string& log, char name, std::chrono::seconds time, std::chrono::seconds clean_up = 0s) {
  bool cancelled = false;
  try {
    co_await sleep(time);
  } catch (const CancelledError&) {
    cancelled = true;
  }
  if (clean_up > 0s) co_await sleep(clean_up);
  log += name;
  log += cancelled ? '!' : '.';
  if (cancelled) throw CancelledError();
}

// Waits until it is cancelled, then throws something else.
inline Coro<> fail_in_clean_up(std::string what) {
  try {
    co_await sleep(1h);
  } catch (const CancelledError&) {
    throw Oops(what);
  }
}

}  // namespace group_test
