// SPDX-License-Identifier: MIT
// A local variable with an alignment above that of operator new, living across an await: it is misaligned. Clang has a
// switch against it, -fcoro-aligned-allocation, which does nothing for a promise with an operator new of its own.
#include "canary.h"

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

// Gives memory that is aligned to 16 and to no more, as any call of malloc may.
void* operator new(std::size_t size) {
  void* start = std::aligned_alloc(64, (size + 16 + 63) / 64 * 64);
  if (start == nullptr) std::abort();
  return static_cast<char*>(start) + 16;
}
void operator delete(void* given) noexcept {
  if (given != nullptr) std::free(static_cast<char*>(given) - 16);
}
void operator delete(void* given, std::size_t) noexcept { ::operator delete(given); }

using namespace canary;

template <std::size_t N>
struct alignas(N) Aligned {
  char bytes[N] = {};
};

// Out of line, so that the compiler cannot conclude from the type what the address must be.
__attribute__((noinline)) bool is_misaligned(const void* address, std::uintptr_t alignment) {
  auto number = reinterpret_cast<std::uintptr_t>(address);
  __asm__("" : "+r"(number));
  return number % alignment != 0;
}

template <std::size_t N>
Coro<> local(const char* what) {
  Aligned<N> line;
  expect_not(is_misaligned(&line, N), what);
  co_await Pause();
  line.bytes[0] = 1;
}

template <std::size_t N>
Coro<> parameter(const char* what, Aligned<N> line) {
  co_await Pause();
  expect_not(is_misaligned(&line, N), what);
}

struct Own {
  struct promise_type {
    static void* operator new(std::size_t size) { return ::operator new(size); }
    static void operator delete(void* frame) { ::operator delete(frame); }

    Own get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void unhandled_exception() { std::terminate(); }
    void return_void() {}
  };
};

__attribute__((noinline)) Own own_operator_new(std::coroutine_handle<>& resumes) {
  struct Hand {
    std::coroutine_handle<>& to;
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> self) { to = self; }
    void await_resume() {}
  };
  Aligned<64> line;
  expect_not(is_misaligned(&line, 64), "operator new of the promise");
  co_await Hand{resumes};
  line.bytes[0] = 1;
}

Coro<> on_the_heap() {
  auto line = std::make_unique<Aligned<64>>();
  co_await Pause();
  expect_not(is_misaligned(line.get(), 64), "on the heap");
}

int main(int argc, char**) {
  if (argc == 1) {
    run("end", local<32>("alignas(32)"));
    run("end", local<64>("alignas(64)"));
    run("end", parameter("parameter", Aligned<64>()));
    std::coroutine_handle<> resumes;
    own_operator_new(resumes);
    resumes.resume();
  } else {
    run("end", local<16>("alignas(16)"));
    run("end", parameter("parameter of alignas(16)", Aligned<16>()));
    run("end", on_the_heap());
  }
  return verdict();
}
