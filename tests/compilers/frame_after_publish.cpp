// SPDX-License-Identifier: MIT
// The frame is touched after await_suspend gave the handle away. Another thread may have resumed or destroyed the
// coroutine by then, so that this is a data race that no source code shows. Here the handle is given to somebody who
// destroys the coroutine at once, and the frame lies in a page that cannot be touched afterwards.
#include "canary.h"

#include <sys/mman.h>

#include <csetjmp>
#include <csignal>
#include <cstdlib>

using namespace canary;

namespace {

constexpr std::size_t page_size = 64 * 1024;

struct Detached {
  struct promise_type {
    static void* operator new(std::size_t size) {
      if (size > page_size) std::abort();
      return mmap(nullptr, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    }
    static void operator delete(void* frame) { mprotect(frame, page_size, PROT_NONE); }

    Detached get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void unhandled_exception() { std::terminate(); }
    void return_void() {}
  };
  std::coroutine_handle<> handle;
};

std::coroutine_handle<> other_thread(std::coroutine_handle<> self) {
  self.destroy();
  return std::noop_coroutine();
}
// The compiler must not know what they do.
std::coroutine_handle<> (*volatile give_away)(std::coroutine_handle<>) = other_thread;
void (*volatile cannot_happen)() = std::abort;

struct Base {
  bool await_ready() const { return false; }
  void await_resume() {}
  int member = 0;
};

struct ReturnsVoid : Base {
  void await_suspend(std::coroutine_handle<> self) { give_away(self); }
};
struct ReturnsTrue : Base {
  bool await_suspend(std::coroutine_handle<> self) {
    give_away(self);
    return true;
  }
};
struct ReturnsHandle : Base {
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> self) { return give_away(self); }
};
struct ReturnsHandleOutOfLine : Base {
  __attribute__((noinline)) std::coroutine_handle<> await_suspend(std::coroutine_handle<> self) {
    return give_away(self);
  }
};
struct DecidesAfterwards {
  bool suspended;
  bool await_ready() const { return false; }
  std::coroutine_handle<> await_suspend(const std::coroutine_handle<> self) {
    suspended = true;
    const auto next = give_away(self);
    if (!next) {
      suspended = false;
      cannot_happen();
      return self;
    }
    return next;
  }
  void await_resume() {
    if (suspended) cannot_happen();
  }
};
struct HasALocal : Base {
  void await_suspend(std::coroutine_handle<> self) {
    std::coroutine_handle<> local = self;
    std::coroutine_handle<>* escapes = &local;
    __asm__("" : "+r"(escapes)::"memory");
    *escapes = give_away(*escapes);
    __asm__("" : "+r"(escapes)::"memory");
    if (!*escapes) cannot_happen();
  }
};
struct RefersToALocal {
  const int& number;
  bool await_ready() const { return false; }
  __attribute__((noinline)) std::coroutine_handle<> await_suspend(std::coroutine_handle<> self) {
    return give_away(self);
  }
  void await_resume() {}
};

template <class Awaiter>
Detached awaits() {
  co_await Awaiter();
}

Detached awaits_with_reference() {
  co_await RefersToALocal{1};
  co_await RefersToALocal{2};
}

sigjmp_buf before_resume;

void resume(const char* what, Detached coro) {
  if (sigsetjmp(before_resume, 1) == 0) {
    coro.handle.resume();
  } else {
    expect_not(true, what);
  }
}

}  // namespace

int main(int argc, char**) {
  struct sigaction action = {};
  action.sa_handler = [](int) { siglongjmp(before_resume, 1); };
  sigaction(SIGSEGV, &action, nullptr);
  if (argc == 1) {
    resume("bool", awaits<ReturnsTrue>());
    resume("handle", awaits<ReturnsHandle>());
    resume("handle, out of line", awaits<ReturnsHandleOutOfLine>());
    resume("handle, decides afterwards", awaits<DecidesAfterwards>());
    resume("handle, awaiter with a reference", awaits_with_reference());
    resume("void, with a local", awaits<HasALocal>());
  } else {
    resume("void, the last act", awaits<ReturnsVoid>());
  }
  return verdict();
}
