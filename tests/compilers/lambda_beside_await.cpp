// SPDX-License-Identifier: MIT
// A lambda that is a coroutine, in a statement with two awaits: one of the call that takes it, one of an argument
// beside it. What the lambda gives when it is called is no coroutine any more that could be awaited.
#include "canary.h"

using namespace canary;

Coro<int> number() {
  co_await Pause();
  co_return 1;
}
Coro<Counted> owner() {
  co_await Pause();
  co_return Counted();
}

template <class X, class F>
Coro<> block(X x, F body) {
  co_await Pause();
  co_await body(x);
}

Coro<> beside_a_number() {
  co_await block(co_await number(), [](int) -> Coro<> { co_return; });
}

Coro<> beside_an_owner() {
  int called = 0;
  co_await block(co_await owner(), [&](Counted&) -> Coro<> {
    ++called;
    co_return;
  });
  expect_not(called != 1, "called");
}

Coro<> argument_has_a_name() {
  int called = 0;
  Counted first = co_await owner();
  co_await block(std::move(first), [&](Counted&) -> Coro<> {
    ++called;
    co_return;
  });
  expect_not(called != 1, "called");
}

Coro<> lambda_has_a_name() {
  int called = 0;
  auto body = [&](Counted&) -> Coro<> {
    ++called;
    co_return;
  };
  co_await block(co_await owner(), body);
  expect_not(called != 1, "called");
}

// One await in the statement: nothing is wrong.
Coro<> started_in_a_statement_of_its_own() {
  int called = 0;
  auto started = block(co_await owner(), [&](Counted&) -> Coro<> {
    ++called;
    co_return;
  });
  co_await started;
  expect_not(called != 1, "called");
}

template <class X, class F>
Coro<> plain_block(X x, F body) {
  co_await Pause();
  body(x);
}

// Nor with a lambda that is no coroutine.
Coro<> plain_lambda() {
  int called = 0;
  co_await plain_block(co_await owner(), [&](Counted&) { ++called; });
  expect_not(called != 1, "called");
}

int main(int argc, char**) {
  if (argc == 1) {
    run("beside a number", beside_a_number());
    run("beside an owner", beside_an_owner());
  } else {
    run("argument has a name", argument_has_a_name());
    run("lambda has a name", lambda_has_a_name());
    run("started in a statement of its own", started_in_a_statement_of_its_own());
    run("plain lambda", plain_lambda());
  }
  return verdict();
}
