// SPDX-License-Identifier: MIT
// Destroying a coroutine writes to the first two words of its frame, the functions that resume and destroy it. Whoever
// keeps the memory of a frame after its end relies on them.
#include "canary.h"

#include <cstddef>
#include <cstdlib>
#include <cstring>

using namespace canary;

alignas(16) char memory[4096];

struct Task {
  struct promise_type {
    static void* operator new(std::size_t size) {
      if (size > sizeof(memory)) std::abort();
      return memory;
    }
    static void operator delete(void*) {}

    Task get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void unhandled_exception() {}
    void return_void() {}
  };
  std::coroutine_handle<promise_type> handle;
};

Task without_locals() { co_await std::suspend_always(); }

Task with_locals(Counted) {
  Counted local;
  try {
    Counted inner;
    co_await std::suspend_always();
    throw 1;
  } catch (int) {
  }
  co_await std::suspend_always();
}

__attribute__((noinline)) void check(const char* what, Task task, int resumes) {
  for (int i = 0; i < resumes; ++i) task.handle.resume();
  void* before[2];
  std::memcpy(before, memory, sizeof(before));
  __asm__("" ::: "memory");
  task.handle.destroy();
  __asm__("" ::: "memory");
  void* after[2];
  std::memcpy(after, memory, sizeof(after));
  expect_not(before[0] != after[0] || before[1] != after[1], what);
}

int main(int argc, char**) {
  if (argc == 1) {
    check("before it started", without_locals(), 0);
    check("in the middle", without_locals(), 1);
    check("at its end", without_locals(), 2);
    check("before it started, with locals", with_locals(Counted()), 0);
    check("in a try block", with_locals(Counted()), 1);
    check("behind a try block", with_locals(Counted()), 2);
    check("at its end, with locals", with_locals(Counted()), 3);
    expect_not(Counted::alive != 0, "destructors");
  }
  return verdict();
}
