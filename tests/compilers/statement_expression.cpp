// SPDX-License-Identifier: MIT
// co_await inside a GNU statement expression, as macros like TRY(co_await f()) are written: internal compiler error.
#include "canary.h"

using namespace canary;

Coro<std::optional<Counted>> find() {
  co_await Pause();
  co_return Counted(1);
}

#ifndef CANARY_INSTEAD
#define TRY(awaitable)                 \
  __extension__({                      \
    auto found = co_await (awaitable); \
    if (!found) co_return;             \
    std::move(*found);                 \
  })

Coro<> in_an_expression() { [[maybe_unused]] Counted value = TRY(find()); }
#else
Coro<> in_an_expression() { co_return; }
#endif

#define TRY_INTO(name, awaitable)           \
  auto found_##name = co_await (awaitable); \
  if (!found_##name) co_return;             \
  auto name = std::move(*found_##name)

Coro<> in_declarations() {
  TRY_INTO(value, find());
  expect_not(value.value != 1, "value");
}

int main(int argc, char**) {
  if (argc == 1) {
    run("statement expression", in_an_expression());
  } else {
    run("declarations", in_declarations());
  }
  return verdict();
}
