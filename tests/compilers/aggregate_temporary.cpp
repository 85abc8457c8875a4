// SPDX-License-Identifier: MIT
// An aggregate that owns something, made in the statement that awaits: its members are destroyed twice.
#include "canary.h"

using namespace canary;

struct Aggregate {
  Counted name;
  int limit = 0;
};

struct Trivial {
  const char* name = nullptr;
  int limit = 0;
};

struct Constructed {
  explicit Constructed(Counted given) : name(std::move(given)) {}
  Counted name;
};

template <class T>
Coro<> by_value(T) {
  co_await Pause();
}

template <class T>
Coro<> by_reference(const T&) {
  co_await Pause();
}

Coro<> designated() { co_await by_value<Aggregate>({.name = Counted(1), .limit = 2}); }
Coro<> listed() { co_await by_value(Aggregate{Counted(1), 2}); }
Coro<> referred_to() { co_await by_reference(Aggregate{Counted(1), 2}); }
Coro<> copied_from_a_local() {
  Counted name(1);
  co_await by_value<Aggregate>({.name = name});
}

Coro<> trivially_destructible() {
  co_await by_value<Trivial>({.name = "name", .limit = 2});
  co_await by_reference<Trivial>({.name = "name", .limit = 2});
}
Coro<> with_a_constructor() {
  Counted name(1);
  co_await by_value(Constructed(name));
  co_await by_reference(Constructed(Counted(1)));
}
Coro<> named() {
  Aggregate options{.name = Counted(1), .limit = 2};
  co_await by_value(options);
  co_await by_reference(options);
}

int main(int argc, char**) {
  if (argc == 1) {
    run("designated", designated());
    run("listed", listed());
    run("referred to", referred_to());
    run("copied from a local", copied_from_a_local());
  } else {
    run("trivially destructible", trivially_destructible());
    run("with a constructor", with_a_constructor());
    run("named", named());
  }
  return verdict();
}
