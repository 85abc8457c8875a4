// SPDX-License-Identifier: MIT
// co_await in the condition of if, while, do, for or switch, in a coroutine whose body declares no variable anywhere:
// the frame is laid out wrongly. The coroutine never completes, or stops the program with an illegal instruction.
// Parameters do not help.
#include "canary.h"

using namespace canary;

int left = 0;

Coro<bool> more() {
  co_await Pause();
  co_return left-- > 0;
}

Coro<std::optional<int>> next() {
  co_await Pause();
  if (left-- > 0) co_return left;
  co_return std::nullopt;
}

Coro<int> number() {
  co_await Pause();
  co_return 1;
}

void seen() {}

Coro<> in_if() {
  if (co_await more()) seen();
}
Coro<> in_while() {
  while (co_await more()) seen();
}
Coro<> in_switch() {
  switch (co_await number()) {
    case 1:
      seen();
  }
}
Coro<> in_for() {
  for (; co_await more();) seen();
}
Coro<> in_do() {
  do seen();
  while (co_await more());
}
Coro<> with_a_parameter(int& count) {
  if (co_await more()) ++count;
}
struct Class {
  Coro<> member() {
    if (co_await more()) ++count;
  }
  int count = 0;
};

Coro<> local_in_if() {
  bool yes = co_await more();
  if (yes) seen();
}
Coro<> unrelated_local() {
  int count = 0;
  while (co_await more()) ++count;
  expect_not(count != 3, "count");
}
Coro<> declaration_in_if() {
  if (auto item = co_await next()) seen();
}
Coro<> declaration_in_while() {
  while (auto item = co_await next()) seen();
}
Coro<> declaration_in_switch() {
  switch (int value = co_await number(); value) {
    case 1:
      seen();
  }
}
Coro<> declaration_in_the_body() {
  if (co_await more()) {
    int inner = left;
    left = inner;
  }
}
Coro<bool> returned() { co_return co_await more() && co_await more(); }
Coro<> in_an_expression() { co_await returned(); }

void check(const char* what, Coro<> made()) {
  left = 3;
  run(what, made());
}

int main(int argc, char**) {
  if (argc == 1) {
    check("if", in_if);
    check("while", in_while);
    check("switch", in_switch);
    check("for", in_for);
    check("do", in_do);
    check("parameter", [] { return with_a_parameter(left); });
    static Class object;
    check("member", [] { return object.member(); });
  } else {
    check("local, then if", local_in_if);
    check("unrelated local", unrelated_local);
    check("declaration in if", declaration_in_if);
    check("declaration in while", declaration_in_while);
    check("declaration in switch", declaration_in_switch);
    check("declaration in the body", declaration_in_the_body);
    check("not in a condition", in_an_expression);
  }
  return verdict();
}
