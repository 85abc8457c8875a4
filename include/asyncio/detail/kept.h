// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/construct.h>
#include <asyncio/detail/frame_pool.h>

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI::detail {

// Whether copying its bytes is all there is to moving it.
template <class T>
inline constexpr bool is_plain = std::is_trivially_copyable_v<T> && std::is_trivially_move_constructible_v<T> &&
                                 std::is_trivially_move_assignable_v<T> && std::is_trivially_destructible_v<T>;

// An item in a container of the library. To move it, or to destroy an empty one, runs no code of the user's and cannot
// fail: so a container is never caught in the middle of a change, by an exception or by an item whose constructor or
// destructor comes back to it. What is plain is kept as it is, everything else in a block of its own.
template <class T>
class Kept {
 public:
  Kept() = default;  // empty
  template <class... Args>
  explicit Kept(std::in_place_t, Args&&... args) {
    void* memory = allocate();
    try {
      item_ = ::new (memory) T(std::forward<Args>(args)...);
    } catch (...) {
      deallocate(memory);
      throw;
    }
  }
  Kept(Kept&& other) noexcept : item_(std::exchange(other.item_, nullptr)) {}
  Kept& operator=(Kept&& other) noexcept {
    std::swap(item_, other.item_);
    return *this;
  }
  ~Kept() {
    if (item_ == nullptr) return;
    detail::destroy(*item_);
    deallocate(item_);
  }

  T& operator*() { return *item_; }
  const T& operator*() const { return *item_; }

 private:
  static constexpr bool pooled = alignof(T) <= FramePool::granularity;
  static constexpr std::size_t room = sizeof(T) > FramePool::smallest ? sizeof(T) : FramePool::smallest;

  static void* allocate() {
    if constexpr (pooled) {
      return FramePool::get(room);
    } else {
      return ::operator new(sizeof(T), std::align_val_t(alignof(T)));
    }
  }
  static void deallocate(void* memory) noexcept {
    if constexpr (pooled) {
      FramePool::put(memory, room);
    } else {
      ::operator delete(memory, std::align_val_t(alignof(T)));
    }
  }

  T* item_ = nullptr;
};

template <class T>
  requires is_plain<T>
class Kept<T> {
 public:
  Kept() noexcept {}
  template <class... Args>
  explicit Kept(std::in_place_t, Args&&... args) : item_(std::forward<Args>(args)...) {}

  T& operator*() { return item_; }
  const T& operator*() const { return item_; }

 private:
  union {
    T item_;
  };
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
