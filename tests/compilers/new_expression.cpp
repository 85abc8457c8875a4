// SPDX-License-Identifier: MIT
// co_await in the initialiser of a new-expression, with a result of class type: what it made is destroyed twice.
#include "canary.h"

#include <memory>

using namespace canary;

Coro<Counted> make(int value) {
  co_await Pause();
  co_return Counted(value);
}
Coro<int> number() {
  co_await Pause();
  co_return 1;
}

Coro<> created() { delete new Counted(co_await make(1)); }
Coro<> owned() { std::unique_ptr<Counted> pointer(new Counted(co_await make(1))); }

Coro<> local_first() {
  Counted value = co_await make(1);
  delete new Counted(value);
}
Coro<> make_unique() { auto pointer = std::make_unique<Counted>(co_await make(1)); }
Coro<> of_a_number() {
  delete new int(co_await number());
  delete new Counted(co_await number());
}

int main(int argc, char**) {
  if (argc == 1) {
    run("new", created());
    run("unique_ptr", owned());
  } else {
    run("local first", local_first());
    run("make_unique", make_unique());
    run("number", of_a_number());
  }
  return verdict();
}
