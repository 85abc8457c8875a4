// SPDX-License-Identifier: MIT
// A coroutine that is destroyed while it waits in the middle of an expression: what the expression made so far is
// destroyed twice, or not at all.
#include "canary.h"

using namespace canary;

struct Pair {
  Counted first;
  Counted second;
};

struct Forever : std::suspend_always {
  Counted await_resume() { return Counted(2); }
};

Coro<> plain(Counted, const Counted&) { co_await Forever(); }
void both(Counted, Counted) {}
Counted made() { return Counted(1); }

Coro<> argument_before() { both(Counted(1), co_await Forever()); }
Coro<> argument_after() { both(co_await Forever(), Counted(1)); }
Coro<> braced_pair() { [[maybe_unused]] Pair pair{Counted(1), co_await Forever()}; }
Coro<> braced_array() { [[maybe_unused]] Counted array[] = {Counted(1), co_await Forever()}; }
Coro<> comma() { (void)(Counted(1), co_await Forever()); }

Coro<> awaits_a_call() { co_await plain(Counted(1), Counted(2)); }
Coro<> awaits_a_call_of_results() { co_await plain(made(), made()); }
Coro<> initialises_a_local() {
  Counted before;
  auto result = co_await Forever();
  Counted after;
}
Coro<> in_a_loop(Counted) {
  for (int i = 0; i < 3; ++i) {
    Counted local(i);
    if (i == 1) co_await plain(local, Counted(i));
  }
}
Coro<> in_a_try_block() {
  try {
    Counted local;
    co_await plain(local, Counted(1));
  } catch (...) {
  }
}

__attribute__((noinline)) void abandon(const char* what, Coro<> made(), Coro<> made_with(Counted) = nullptr) {
  Counted::alive = 0;
  {
    Coro<> coro = made_with != nullptr ? made_with(Counted(1)) : made();
    coro.handle.resume();
  }
  expect_not(Counted::alive != 0, what);
}

int main(int argc, char**) {
  if (argc == 1) {
    abandon("argument before", argument_before);
    abandon("argument after", argument_after);
    abandon("braced pair", braced_pair);
    abandon("braced array", braced_array);
    abandon("comma", comma);
  } else {
    abandon("call", awaits_a_call);
    abandon("call of results", awaits_a_call_of_results);
    abandon("local", initialises_a_local);
    abandon("loop", nullptr, in_a_loop);
    abandon("try block", in_a_try_block);
  }
  return verdict();
}
