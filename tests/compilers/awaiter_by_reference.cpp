// SPDX-License-Identifier: MIT
// An operand of co_await that is a reference and not the name of a variable (std::move(awaiter), or what
// await_transform or operator co_await returns): the awaiter is copied or moved into the frame, and the copy is
// awaited. With an awaiter that can be neither, it does not compile.
#include "canary.h"

using namespace canary;

struct Awaiter {
  Awaiter() : self(this) {}
  Awaiter(const Awaiter& other) : self(other.self) {}
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) { paused = awaiting; }
  bool await_resume() const { return self == this; }

  const Awaiter* self;  // itself, unless it is a copy
};

struct Pinned : Awaiter {
  Pinned() = default;
  Pinned(Pinned&&) = delete;
};

struct GivesReference {
  Awaiter awaiter;
  Awaiter& operator co_await() { return awaiter; }
};

struct GivesValue {
  Pinned operator co_await() { return {}; }
};

// Awaits somebody else, in place.
template <class A>
class Reference {
 public:
  explicit Reference(A& referred) : target(&referred) {}
  bool await_ready() { return target->await_ready(); }
  auto await_suspend(std::coroutine_handle<> awaiting) { return target->await_suspend(awaiting); }
  decltype(auto) await_resume() { return target->await_resume(); }

 private:
  A* target;
};

// Two kinds of coroutine, that differ in what their await_transform returns.
struct Forwards {
  template <class A>
  A&& await_transform(A&& awaiter) {
    return static_cast<A&&>(awaiter);
  }
};
struct Wraps {
  template <class A>
  auto await_transform(A&& awaiter) {
    return Reference<std::remove_reference_t<A>>(awaiter);
  }
};
template <class Base>
struct Transforming {
  struct promise_type : Base {
    Transforming get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void unhandled_exception() { std::terminate(); }
    void return_void() {}
  };
};

void expect_in_place(bool in_place, const char* what) { expect_not(!in_place, what); }
Pinned made() { return {}; }

Coro<> of_a_move() {
  Awaiter awaiter;
  bool in_place = co_await std::move(awaiter);
  expect_in_place(in_place, "std::move");
}
Coro<> of_an_operator() {
  GivesReference awaitable;
  bool in_place = co_await awaitable;
  expect_in_place(in_place, "operator co_await");
}
Transforming<Forwards> of_await_transform() {
  Awaiter awaiter;
  bool in_place = co_await awaiter;
  expect_in_place(in_place, "await_transform of a variable");
  bool temporary_in_place = co_await Awaiter();
  expect_in_place(temporary_in_place, "await_transform of a temporary");
}

Coro<> of_a_temporary() {
  bool in_place = co_await Pinned();
  expect_in_place(in_place, "temporary");
  bool result_in_place = co_await made();
  expect_in_place(result_in_place, "result of a call");
  bool converted_in_place = co_await GivesValue();
  expect_in_place(converted_in_place, "operator co_await by value");
}
Coro<> of_a_variable() {
  Pinned awaiter;
  bool in_place = co_await awaiter;
  expect_in_place(in_place, "variable");
  Pinned& reference = awaiter;
  bool reference_in_place = co_await reference;
  expect_in_place(reference_in_place, "reference");
}
Transforming<Wraps> of_a_wrapper() {
  Pinned awaiter;
  bool in_place = co_await awaiter;
  expect_in_place(in_place, "wrapped variable");
  bool moved_in_place = co_await std::move(awaiter);
  expect_in_place(moved_in_place, "wrapped std::move");
  bool temporary_in_place = co_await Pinned();
  expect_in_place(temporary_in_place, "wrapped temporary");
  bool result_in_place = co_await made();
  expect_in_place(result_in_place, "wrapped result of a call");
}

template <class C>
void run_transforming(C body()) {
  body();
  while (paused) std::exchange(paused, nullptr).resume();
}

int main(int argc, char**) {
  if (argc == 1) {
    run("end", of_a_move());
    run("end", of_an_operator());
    run_transforming(of_await_transform);
  } else {
    run("end", of_a_temporary());
    run("end", of_a_variable());
    run_transforming(of_a_wrapper);
  }
  return verdict();
}
