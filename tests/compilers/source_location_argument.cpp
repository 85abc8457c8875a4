// SPDX-License-Identifier: MIT
// std::source_location::current() as a default argument of a function of the promise does not compile: "taking address
// of an immediate function". What stands behind it, __builtin_source_location(), does.
#include "canary.h"

#include <bit>
#include <source_location>

using namespace canary;
using Place = std::source_location;

Place created;

struct Task {
  struct promise_type {
#ifdef CANARY_INSTEAD
    Task get_return_object(decltype(__builtin_source_location()) site = __builtin_source_location()) {
      created = std::bit_cast<Place>(site);
      return {};
    }
#else
    Task get_return_object(Place place = Place::current()) {
      created = place;
      return {};
    }
#endif
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void unhandled_exception() { std::terminate(); }
    void return_void() {}
  };
};

Task coroutine() { co_return; }

int main(int, char**) {
  coroutine();
  expect_not(std::strstr(created.function_name(), "coroutine") == nullptr, "name");
  return verdict();
}
