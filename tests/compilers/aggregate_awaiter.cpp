// SPDX-License-Identifier: MIT
// An awaiter that is an aggregate and owns something: its members are destroyed twice.
#include "canary.h"

using namespace canary;

struct Aggregate : Pause {
  Counted owner;
};

struct Constructed : Pause {
  explicit Constructed(Counted given) : owner(std::move(given)) {}
  Counted owner;
};

Aggregate returned() { return {{}, Counted(1)}; }

Coro<> awaits_a_temporary() { co_await Aggregate{{}, Counted(1)}; }
Coro<> awaits_a_result() { co_await returned(); }

Coro<> with_a_constructor() { co_await Constructed(Counted(1)); }

int main(int argc, char**) {
  if (argc == 1) {
    run("temporary", awaits_a_temporary());
    run("result of a call", awaits_a_result());
  } else {
    run("with a constructor", with_a_constructor());
  }
  return verdict();
}
