// SPDX-License-Identifier: MIT
// A promise with an alignment above 16: it does not lie behind the two pointers at the start of the frame, so that a
// handle to its base class (which is how a loop resumes coroutines of every type) takes another address for the frame.
// The library keeps promises at 16 or below, where both compilers agree.
#include "canary.h"

#include <cstddef>

using namespace canary;

struct Base {
  std::suspend_always initial_suspend() noexcept { return {}; }
  std::suspend_always final_suspend() noexcept { return {}; }
  void unhandled_exception() { std::terminate(); }
  void return_void() {}
  long first_member = 1;
};

template <std::size_t N>
struct Task {
  struct promise_type : Base {
    Task get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    alignas(N) char result[N];
  };
  std::coroutine_handle<promise_type> handle;
};

int steps = 0;

template <std::size_t N>
Task<N> body() {
  ++steps;
  co_await std::suspend_always();
  ++steps;
}

template <std::size_t N>
__attribute__((noinline)) void check(const char* what) {
  auto handle = body<N>().handle;
  Base& base = handle.promise();
  auto from_promise = std::coroutine_handle<Base>::from_promise(base);
  auto from_address = std::coroutine_handle<Base>::from_address(handle.address());
  bool same = from_promise.address() == handle.address() && &from_address.promise() == &base;
  expect_not(!same, what);
  if (same) {
    steps = 0;
    from_promise.resume();
    from_address.resume();
    expect_not(steps != 2 || !from_promise.done(), "resumed through the base");
    from_promise.destroy();
  } else {
    handle.destroy();
  }
}

int main(int argc, char**) {
  if (argc == 1) {
    check<32>("alignas(32)");
    check<64>("alignas(64)");
  } else {
    check<1>("alignas(1)");
    check<8>("alignas(8)");
    check<16>("alignas(16)");
  }
  return verdict();
}
