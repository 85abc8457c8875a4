// SPDX-License-Identifier: MIT
#include "tests/allocation/failing_new.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

constinit thread_local bool armed = false;
constinit thread_local long count = 0;
constinit thread_local long fails_at = 0;
constinit std::atomic<long> blocks = 0;
// Of the threads that are not armed themselves.
constinit std::atomic<bool> others_armed = false;
constinit std::atomic<long> count_of_others = 0;
constinit std::atomic<long> others_fail_at = 0;

void* get(std::size_t size, std::size_t alignment) {
  if (armed ? ++count == fails_at : others_armed.load() && count_of_others.fetch_add(1) + 1 == others_fail_at.load())
    throw std::bad_alloc();
  void* memory = alignment <= __STDCPP_DEFAULT_NEW_ALIGNMENT__
                     ? std::malloc(size)
                     : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  blocks.fetch_add(1, std::memory_order_relaxed);
  return memory;
}

void* get_or_null(std::size_t size) noexcept {
  try {
    return get(size, 0);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void put(void* memory) noexcept {
  if (memory == nullptr) return;
  blocks.fetch_sub(1, std::memory_order_relaxed);
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) { return get(size, 0); }
void* operator new[](std::size_t size) { return get(size, 0); }
void* operator new(std::size_t size, std::align_val_t alignment) { return get(size, std::size_t(alignment)); }
void* operator new[](std::size_t size, std::align_val_t alignment) { return get(size, std::size_t(alignment)); }
// Those of the sanitizers are not made of these.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return get_or_null(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return get_or_null(size); }
void operator delete(void* memory) noexcept { put(memory); }
void operator delete[](void* memory) noexcept { put(memory); }
void operator delete(void* memory, std::size_t) noexcept { put(memory); }
void operator delete[](void* memory, std::size_t) noexcept { put(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { put(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { put(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { put(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { put(memory); }

namespace failing_new {

void arm(long nth) noexcept {
  count = 0;
  fails_at = nth;
  armed = true;
}
long disarm() noexcept {
  armed = false;
  return count;
}
void arm_others(long nth) noexcept {
  arm(0);
  count_of_others = 0;
  others_fail_at = nth;
  others_armed = true;
}
long disarm_others() noexcept {
  others_armed = false;
  disarm();
  return count_of_others;
}
bool has_failed() noexcept { return fails_at != 0 && count >= fails_at; }
long live() noexcept { return blocks.load(std::memory_order_relaxed); }

}  // namespace failing_new
