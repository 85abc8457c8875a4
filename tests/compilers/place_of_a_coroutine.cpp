// SPDX-License-Identifier: MIT
// The place of the call as a default argument of the promise: initial_suspend gets the name of the frame's
// type instead of the coroutine's, and the line where the body ends instead of the one where it begins. The place of an
// await is right, and so is the name, but not the line, that get_return_object gets.
#include "canary.h"

#include <bit>
#include <cstring>
#include <source_location>

using namespace canary;
using Place = std::source_location;
using CallSite = decltype(__builtin_source_location());  // see source_location_argument.cpp

Place awaited;
Place created;
Place started;

struct Task {
  struct promise_type {
    Task get_return_object(CallSite site = __builtin_source_location()) {
      created = std::bit_cast<Place>(site);
      return {};
    }
    std::suspend_never initial_suspend(CallSite site = __builtin_source_location()) noexcept {
      started = std::bit_cast<Place>(site);
      return {};
    }
    std::suspend_never final_suspend() noexcept { return {}; }
    template <class A>
    A await_transform(A awaiter, CallSite site = __builtin_source_location()) {
      awaited = std::bit_cast<Place>(site);
      return awaiter;
    }
    void unhandled_exception() { std::terminate(); }
    void return_void() {}
  };
};

void check_await(unsigned expected) { expect_not(awaited.line() != expected, "line of an await"); }

Task free_function(int) {
  co_await std::suspend_never();
  check_await(__LINE__ - 1);
  int value = 1;
  if (value == 1) {
    co_await std::suspend_never();
    check_await(__LINE__ - 1);
  }
}
unsigned first_line_of_member;
struct Class {
  Task member() const {
    first_line_of_member = __LINE__ - 1;
    co_await std::suspend_never();
    check_await(__LINE__ - 1);
  }
};
template <class T>
Task function_template(T) {
  co_await std::suspend_never();
  check_await(__LINE__ - 1);
}

void check_name(const Place& place, const char* name, const char* what) {
  expect_not(std::strstr(place.function_name(), name) == nullptr, what);
  expect_not(std::strstr(place.function_name(), "Frame") != nullptr, "name of the frame");
}

int main(int argc, char**) {
  bool instead = argc > 1;
  static_assert(sizeof(Place) == sizeof(void*), "an await chain with lines costs one pointer per await");
  free_function(1);
  check_name(instead ? created : started, "free_function", "name of a function");
  Class().member();
  check_name(instead ? created : started, "Class::member", "name of a member");
  if (!instead) expect_not(started.line() != first_line_of_member, "line of the end");
  if (!instead) expect_not(created.line() != first_line_of_member, "line of the end in get_return_object");
  function_template(1);
  check_name(instead ? created : started, "function_template", "name of a template");
  [](int) -> Task {
    co_await std::suspend_never();
    check_await(__LINE__ - 1);
  }(1);
  check_name(instead ? created : started, "main(", "name of a lambda");
  return verdict();
}
