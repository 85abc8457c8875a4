// SPDX-License-Identifier: MIT
// auto [a, b] = co_await f(): the object behind the binding is not destroyed.
#include "canary.h"

#include <tuple>

using namespace canary;

struct Pair {
  Counted first;
  Counted second;
};

template <class T>
Coro<T> make() {
  co_await Pause();
  co_return T{Counted(1), Counted(2)};
}

using Tuple = std::tuple<Counted, Counted>;

Coro<> of_a_tuple() {
  auto [first, second] = co_await make<Tuple>();
  co_await Pause();
  first.value = second.value;
}
Coro<> of_a_struct() {
  auto [first, second] = co_await make<Pair>();
  co_await Pause();
  first.value = second.value;
}
Coro<> in_a_loop() {
  for (int i = 0; i < 3; ++i) {
    auto [first, second] = co_await make<Tuple>();
    co_await Pause();
    first.value = second.value;
  }
}
Coro<> of_a_plain_call() {
  auto [first, second] = Tuple(1, 2);
  co_await Pause();
  first.value = second.value;
}

Coro<> members() {
  auto pair = co_await make<Pair>();
  co_await Pause();
  pair.first.value = pair.second.value;
}
Coro<> binding_to_a_named_object() {
  for (int i = 0; i < 3; ++i) {
    auto tuple = co_await make<Tuple>();
    auto& [first, second] = tuple;
    co_await Pause();
    first.value = second.value;
  }
}

// Runs to the last Pause, and destroys it there.
__attribute__((noinline)) void abandon(const char* what, Coro<> coro, int pauses) {
  Counted::alive = 0;
  coro.handle.resume();
  for (int i = 1; i < pauses; ++i) std::exchange(paused, nullptr).resume();
  {
    Coro<> gone = std::move(coro);
  }
  expect_not(Counted::alive != 0, what);
}

int main(int argc, char**) {
  if (argc == 1) {
    run("tuple", of_a_tuple());
    run("struct", of_a_struct());
    run("in a loop", in_a_loop());
    run("plain call", of_a_plain_call());
    abandon("tuple, abandoned", of_a_tuple(), 2);
    abandon("struct, abandoned", of_a_struct(), 2);
    abandon("plain call, abandoned", of_a_plain_call(), 1);
  } else {
    run("members", members());
    run("binding to a named object", binding_to_a_named_object());
    abandon("members, abandoned", members(), 2);
    abandon("binding to a named object, abandoned", binding_to_a_named_object(), 2);
  }
  return verdict();
}
