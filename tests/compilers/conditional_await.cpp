// SPDX-License-Identifier: MIT
// co_await in the arms of ?:, with results of class type: the result is destroyed twice.
#include "canary.h"

using namespace canary;

Coro<Counted> make(int value) {
  co_await Pause();
  co_return Counted(value);
}

Coro<> consume(Counted) { co_await Pause(); }

Coro<> initialises_a_local(bool first) {
  [[maybe_unused]] Counted result = first ? co_await make(1) : co_await make(2);
}
Coro<> discards_it(bool first) { first ? co_await make(1) : co_await make(2); }
Coro<> one_arm_awaits(bool first) { [[maybe_unused]] Counted result = first ? co_await make(1) : Counted(2); }
Coro<> passes_it_on(bool first) { co_await consume(first ? co_await make(1) : co_await make(2)); }

Coro<> if_and_else(bool first) {
  std::optional<Counted> result;
  if (first) {
    result = co_await make(1);
  } else {
    result = co_await make(2);
  }
  co_await consume(std::move(*result));
}

Coro<int> number(int value) {
  co_await Pause();
  co_return value;
}
Coro<> of_numbers(bool first) {
  int value = first ? co_await number(1) : co_await number(2);
  expect_not(value != (first ? 1 : 2), "value");
}

int main(int argc, char**) {
  for (bool first : {true, false}) {
    if (argc == 1) {
      run(first ? "local (first arm)" : "local (second arm)", initialises_a_local(first));
      run(first ? "discarded (first arm)" : "discarded (second arm)", discards_it(first));
      run(first ? "one arm awaits (that one)" : "one arm awaits (the other)", one_arm_awaits(first));
      run(first ? "argument (first arm)" : "argument (second arm)", passes_it_on(first));
    } else {
      run("if and else", if_and_else(first));
      run("numbers", of_numbers(first));
    }
  }
  return verdict();
}
