// SPDX-License-Identifier: MIT
// A closure that owns what it captured, made in the statement that awaits: its captures are destroyed twice.
#include "canary.h"

using namespace canary;

template <class F, class... Args>
Coro<> by_value(F body, Args... args) {
  co_await Pause();
  body(args...);
}

template <class F>
Coro<> by_reference(F&& body) {
  co_await Pause();
  body();
}

Coro<> passes_it_by_value() {
  Counted owner;
  co_await by_value([owner] {});
}

Coro<> passes_it_by_reference() {
  Counted owner;
  co_await by_reference([owner] {});
}

Coro<> moves_into_it() {
  Counted owner;
  co_await by_value([owner = std::move(owner)] {});
}

Coro<> argument_beside_the_callable() {
  Counted owner;
  co_await by_value([](const Counted&) {}, owner);
}

Coro<> capture_by_reference() {
  Counted owner;
  co_await by_reference([&] { ++owner.value; });
  co_await by_value([&owner] { ++owner.value; });
}

Coro<> trivial_capture() {
  int number = 1;
  const char* text = "text";
  co_await by_value([number, text, &number_again = number] { return number + number_again + *text; });
}

struct Class {
  Coro<> captures_this() {
    co_await by_value([this] { ++owner.value; });
  }
  Counted owner;
};

Coro<> capture_of_this() {
  Class object;
  co_await object.captures_this();
}

Coro<> named_closure() {
  Counted owner;
  auto body = [owner] {};
  co_await by_value(body);
  co_await by_value(std::move(body));
}

// The closure is gone before anything is awaited.
Coro<> started_in_a_statement_of_its_own() {
  Counted owner;
  auto started = by_value([owner] {});
  co_await started;
}

int main(int argc, char**) {
  if (argc == 1) {
    run("by value", passes_it_by_value());
    run("by reference", passes_it_by_reference());
    run("init-capture", moves_into_it());
  } else {
    run("argument beside the callable", argument_beside_the_callable());
    run("[&]", capture_by_reference());
    run("trivial capture", trivial_capture());
    run("this", capture_of_this());
    run("named closure", named_closure());
    run("started in a statement of its own", started_in_a_statement_of_its_own());
  }
  return verdict();
}
