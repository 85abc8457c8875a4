// SPDX-License-Identifier: MIT
#pragma once

// A canary is a program that says whether the compiler at hand has one known bug. It prints `present: <what went
// wrong>` or `absent`; with an argument it does the same for the spelling that docs/compilers.md recommends instead,
// which must always print `absent`. A canary that crashes or hangs counts as present. Where the bug is that the code
// does not compile, the macro CANARY_INSTEAD leaves that code out. tools/canaries.py builds and runs them all.
//
// Nothing here includes the library: the canaries judge the compiler, not our use of it.

#include <coroutine>
#include <cstdio>
#include <cstring>
#include <exception>
#include <optional>
#include <utility>

namespace canary {

// A value that has an owner: as many of them must be destroyed as were constructed.
struct Counted {
  inline static int alive = 0;

  Counted() { ++alive; }
  explicit Counted(int number) : value(number) { ++alive; }
  Counted(const Counted& other) : value(other.value) { ++alive; }
  Counted(Counted&& other) noexcept : value(other.value) { ++alive; }
  Counted& operator=(const Counted&) = default;
  ~Counted() { --alive; }

  int value = 0;
};

// The one coroutine that waits to be resumed by run().
inline std::coroutine_handle<> paused;

struct Pause {
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> self) { paused = self; }
  void await_resume() {}
};

struct PromiseBase {
  struct Final {
    bool await_ready() const noexcept { return false; }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> self) noexcept {
      return self.promise().continuation;
    }
    void await_resume() noexcept {}
  };

  std::suspend_always initial_suspend() noexcept { return {}; }
  Final final_suspend() noexcept { return {}; }
  void unhandled_exception() { error = std::current_exception(); }
  void rethrow() {
    if (error) std::rethrow_exception(std::exchange(error, nullptr));
  }

  std::coroutine_handle<> continuation = std::noop_coroutine();
  std::exception_ptr error;
};

template <class T>
struct Result : PromiseBase {
  template <class U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
  T take() {
    rethrow();
    return std::move(*value);
  }

  std::optional<T> value;
};

template <>
struct Result<void> : PromiseBase {
  void return_void() {}
  void take() { rethrow(); }
};

// The least lazy coroutine: started by its co_await, owned by its object, and the awaiting one goes on when it ends.
template <class T = void>
class Coro {
 public:
  struct promise_type : Result<T> {
    Coro get_return_object() { return Coro(std::coroutine_handle<promise_type>::from_promise(*this)); }
  };

  Coro(Coro&& other) noexcept : handle(std::exchange(other.handle, nullptr)) {}
  ~Coro() {
    if (handle) handle.destroy();
  }

  bool await_ready() const { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) {
    handle.promise().continuation = awaiting;
    return handle;
  }
  T await_resume() { return handle.promise().take(); }

  std::coroutine_handle<promise_type> handle;

 private:
  explicit Coro(std::coroutine_handle<promise_type> created) : handle(created) {}
};

inline const char* findings[16];
inline int finding_count = 0;

// Notes `what`, once, where `wrong` is true.
inline void expect_not(bool wrong, const char* what) {
  if (!wrong || finding_count == 16) return;
  for (int i = 0; i < finding_count; ++i) {
    if (std::strcmp(findings[i], what) == 0) return;
  }
  findings[finding_count++] = what;
}

// Runs the coroutine to its end. Notes `what` where it does not get there, and where it destroys too often or too
// rarely. Out of line, so that no compiler puts the frame on the stack of who calls it.
__attribute__((noinline)) inline void run(const char* what, Coro<> coro) {
  Counted::alive = 0;
  paused = nullptr;
  coro.handle.resume();
  while (paused) std::exchange(paused, nullptr).resume();
  bool wrong = !coro.handle.done() || coro.handle.promise().error;
  {
    Coro<> gone = std::move(coro);
  }
  expect_not(wrong || Counted::alive != 0, what);
}

inline int verdict() {
  std::printf(finding_count == 0 ? "absent" : "present");
  for (int i = 0; i < finding_count; ++i) std::printf("%s%s", i == 0 ? ": " : ", ", findings[i]);
  std::printf("\n");
  return 0;
}

}  // namespace canary
