// SPDX-License-Identifier: MIT
// ?: that makes a temporary of class type for a call that is awaited: the temporary is destroyed twice.
#include "canary.h"

using namespace canary;

Coro<> by_value(Counted) { co_await Pause(); }
Coro<> by_reference(const Counted&) { co_await Pause(); }

Coro<> of_two_temporaries(bool first) { co_await by_value(first ? Counted(1) : Counted(2)); }
Coro<> referred_to(bool first) { co_await by_reference(first ? Counted(1) : Counted(2)); }
Coro<> of_a_local_and_a_temporary(bool first) {
  Counted local(1);
  co_await by_value(first ? local : Counted(2));
}

Coro<> chosen_before(bool first) {
  Counted chosen = first ? Counted(1) : Counted(2);
  co_await by_value(chosen);
  co_await by_reference(chosen);
}

// Nothing is made here: the ?: is one of the two locals.
Coro<> of_two_locals(bool first) {
  Counted one(1);
  Counted two(2);
  co_await by_value(first ? one : two);
}

struct Name {
  Name(const char*) {}  // implicit, as std::string's
  Counted owner;
};
Coro<> named(Name) { co_await Pause(); }

// The ?: is of a type that owns nothing; the conversion comes after it.
Coro<> of_literals(bool first) { co_await named(first ? "one" : "two"); }

Coro<> pointed_to(int, const Counted*) { co_await Pause(); }
Coro<> of_numbers_and_pointers(bool first) {
  Counted local(1);
  co_await pointed_to(first ? 1 : 2, first ? &local : nullptr);
}

int main(int argc, char**) {
  for (bool first : {true, false}) {
    if (argc == 1) {
      run(first ? "two temporaries (first)" : "two temporaries (second)", of_two_temporaries(first));
      run(first ? "reference (first)" : "reference (second)", referred_to(first));
      run(first ? "local and temporary (first)" : "local and temporary (second)", of_a_local_and_a_temporary(first));
    } else {
      run("chosen before", chosen_before(first));
      run("two locals", of_two_locals(first));
      run("literals", of_literals(first));
      run("numbers and pointers", of_numbers_and_pointers(first));
    }
  }
  return verdict();
}
