// SPDX-License-Identifier: MIT
// A braced list that becomes a std::initializer_list in the statement that awaits: does not compile, not even with
// numbers.
#include "canary.h"

#include <initializer_list>
#include <vector>

using namespace canary;

Coro<> listed(std::initializer_list<Counted>) { co_await Pause(); }

template <class... T>
Coro<> variadic(T...) {
  co_await Pause();
}

template <class T>
Coro<> numbers(T) {
  co_await Pause();
}

#ifndef CANARY_INSTEAD
Coro<> awaits_a_list() {
  co_await listed({Counted(1), Counted(2)});
  co_await numbers(std::vector<int>{1, 2});
}
#else
Coro<> awaits_a_list() { co_return; }
#endif

Coro<> awaits_arguments() { co_await variadic(Counted(1), Counted(2)); }
Coro<> awaits_a_named_container() {
  std::vector<Counted> names{Counted(1), Counted(2)};
  co_await numbers(names);
  co_await numbers(std::move(names));
}
// No await in the same statement.
Coro<> loops_over_a_list() {
  int sum = 0;
  for (int number : {1, 2, 3}) {
    co_await numbers(number);
    sum += number;
  }
  expect_not(sum != 6, "sum");
}

int main(int argc, char**) {
  if (argc == 1) {
    run("list", awaits_a_list());
  } else {
    run("arguments", awaits_arguments());
    run("named container", awaits_a_named_container());
    run("loop over a list", loops_over_a_list());
  }
  return verdict();
}
