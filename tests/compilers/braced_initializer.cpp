// SPDX-License-Identifier: MIT
// co_await among the elements of a braced initialiser: the elements are destroyed twice.
#include "canary.h"

using namespace canary;

struct Pair {
  Counted first;
  Counted second;
};

Coro<Counted> make(int value) {
  co_await Pause();
  co_return Counted(value);
}

Coro<> after_a_temporary() { [[maybe_unused]] Pair pair{Counted(1), co_await make(2)}; }
Coro<> before_a_temporary() { [[maybe_unused]] Pair pair{co_await make(1), Counted(2)}; }
Coro<> twice() { [[maybe_unused]] Pair pair{co_await make(1), co_await make(2)}; }
Coro<> in_an_array() { [[maybe_unused]] Counted pair[] = {Counted(1), co_await make(2)}; }

class Constructed {
 public:
  Constructed(Counted one, Counted two) : first(std::move(one)), second(std::move(two)) {}

 private:
  Counted first;
  Counted second;
};

Coro<> of_a_constructor() {
  [[maybe_unused]] Constructed parenthesised(Counted(1), co_await make(2));
  [[maybe_unused]] Constructed braced{co_await make(1), co_await make(2)};
}
Coro<> assigned() {
  Pair pair;
  pair.first = co_await make(1);
  pair.second = co_await make(2);
}
Coro<> locals_first() {
  Counted second = co_await make(2);
  [[maybe_unused]] Pair pair{Counted(1), std::move(second)};
}

int main(int argc, char**) {
  if (argc == 1) {
    run("after a temporary", after_a_temporary());
    run("before a temporary", before_a_temporary());
    run("two awaits", twice());
    run("array", in_an_array());
  } else {
    run("locals first", locals_first());
    run("assigned", assigned());
    run("constructor", of_a_constructor());
  }
  return verdict();
}
