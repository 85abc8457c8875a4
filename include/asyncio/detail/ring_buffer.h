// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/construct.h>

#include <bit>
#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI::detail {

// First in, first out, in one block of memory whose size is a power of two and grows as needed: the storage of queues.
// Faster than std::deque, which allocates as it goes along. It takes no memory before the first element, and keeps what
// it has taken until it is destroyed. To move a T must not fail, nor come back here: see kept.h.
template <class T>
class RingBuffer {
 public:
  static_assert(std::is_nothrow_move_constructible_v<T>);

  RingBuffer() = default;
  RingBuffer(RingBuffer&& other) noexcept
      : slots_(std::exchange(other.slots_, nullptr)),
        capacity_(std::exchange(other.capacity_, 0)),
        first_(std::exchange(other.first_, 0)),
        size_(std::exchange(other.size_, 0)) {}
  RingBuffer& operator=(RingBuffer other) noexcept {
    std::swap(slots_, other.slots_);
    std::swap(capacity_, other.capacity_);
    std::swap(first_, other.first_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~RingBuffer() {
    while (size_ > 0) drop_front();
    if (slots_ != nullptr) ::operator delete(slots_, alignment);
  }

  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

  // The element at a place counted from the front.
  T& operator[](std::size_t place) { return slots_[(first_ + place) & (capacity_ - 1)]; }

  // Makes room for that many more.
  void make_room(std::size_t count) {
    if (size_ + count > capacity_) [[unlikely]]
      grow(size_ + count);
  }

  template <class U>
  void push(U&& value) {
    make_room(1);
    detail::construct((*this)[size_], std::forward<U>(value));
    ++size_;
  }
  // Only where there is room.
  void push_front(T&& value) noexcept {
    first_ = (first_ - 1) & (capacity_ - 1);
    detail::construct(slots_[first_], std::move(value));
    ++size_;
  }

  // Only where it is not empty.
  T pop() {
    T value = std::move(slots_[first_]);
    drop_front();
    return value;
  }
  void drop_front() noexcept {
    detail::destroy(slots_[first_]);
    first_ = (first_ + 1) & (capacity_ - 1);
    --size_;
  }

 private:
  void grow(std::size_t least) {
    RingBuffer bigger;
    bigger.capacity_ = std::bit_ceil(least < 8 ? 8 : least);
    bigger.slots_ = static_cast<T*>(::operator new(bigger.capacity_ * sizeof(T), alignment));
    for (std::size_t place = 0; place < size_; ++place) bigger.push(std::move((*this)[place]));
    *this = std::move(bigger);
  }

  static constexpr std::align_val_t alignment{alignof(T)};

  T* slots_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
