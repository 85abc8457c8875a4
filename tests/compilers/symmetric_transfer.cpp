// SPDX-License-Identifier: MIT
// A coroutine_handle returned from await_suspend is resumed by a call, not by a jump: the stack grows with every await
// that ends without suspending, and a million of them in a row overflow it. The spelling instead is the library's
// protocol on g++: the awaiting coroutine resumes its child inside await_suspend, 128 deep, and leaves it to the loop
// beyond that.
#include "canary.h"

#include <cstdint>

using namespace canary;

namespace {

std::uintptr_t lowest;
std::uintptr_t highest;

__attribute__((noinline)) void touch_stack() {
  auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  if (here < lowest) lowest = here;
  if (here > highest) highest = here;
}

bool overflows() { return highest > lowest && highest - lowest > 512 * 1024; }

void reset() {
  lowest = UINTPTR_MAX;
  highest = 0;
}

template <class C>
C leaf() {
  touch_stack();
  co_return;
}

template <class C>
C in_a_row() {
  for (int i = 0; i < 1'000'000 && !overflows(); ++i) co_await leaf<C>();
}

template <class C>
C nested(int depth) {
  touch_stack();
  if (depth > 0 && !overflows()) co_await nested<C>(depth - 1);
  touch_stack();
}

std::coroutine_handle<> ready;  // resumed by the loop
int depth = 0;

class Hybrid {
 public:
  struct promise_type {
    struct Final {
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<promise_type> self) noexcept {
        if (!self.promise().awaited_from_below) ready = self.promise().continuation;
      }
      void await_resume() noexcept {}
    };

    Hybrid get_return_object() { return Hybrid(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    Final final_suspend() noexcept { return {}; }
    void unhandled_exception() { std::terminate(); }
    void return_void() {}

    std::coroutine_handle<> continuation;
    bool awaited_from_below = false;  // the awaiting coroutine is still in await_suspend, and looks whether we ended
  };

  Hybrid(Hybrid&& other) noexcept : handle(std::exchange(other.handle, nullptr)) {}
  ~Hybrid() {
    if (handle) handle.destroy();
  }

  bool await_ready() const { return false; }
  bool await_suspend(std::coroutine_handle<> awaiting) {
    handle.promise().continuation = awaiting;
    if (depth == 128) {
      ready = handle;
      return true;
    }
    handle.promise().awaited_from_below = true;
    ++depth;
    handle.resume();
    --depth;
    handle.promise().awaited_from_below = false;
    return !handle.done();
  }
  void await_resume() {}

  void run() {
    ready = handle;
    while (ready) std::exchange(ready, nullptr).resume();
  }

  std::coroutine_handle<promise_type> handle;

 private:
  explicit Hybrid(std::coroutine_handle<promise_type> created) : handle(created) {}
};

void run_hybrid(const char* what, Hybrid coro) {
  reset();
  coro.run();
  expect_not(overflows() || !coro.handle.done(), what);
}

}  // namespace

int main(int argc, char**) {
  reset();
  if (argc == 1) {
    run("1,000,000 awaits in a row", in_a_row<Coro<>>());
    expect_not(overflows(), "1,000,000 awaits in a row");
    reset();
    run("100,000 nested awaits", nested<Coro<>>(100'000));
    expect_not(overflows(), "100,000 nested awaits");
  } else {
    run_hybrid("1,000,000 awaits in a row", in_a_row<Hybrid>());
    run_hybrid("100,000 nested awaits", nested<Hybrid>(100'000));
  }
  return verdict();
}
