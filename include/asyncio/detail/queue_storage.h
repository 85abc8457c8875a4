// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/kept.h>
#include <asyncio/detail/ring_buffer.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI::detail {

// What a queue keeps its items in, which decides which of them is next. A Storage has
//   push(Kept<T>&&)        adds one; where that throws, nothing has changed
//   pop()                  takes the next; the same
//   push_front(Kept<T>&&)  gives back what pop() gave: it is the next one again
//   drop()                 takes any one; it does not throw
//   make_room(count)       so many push() and push_front() will not fail for want of memory
//   may_throw              whether push() may for another reason
// and size(), and a move constructor.

// Gives what was pushed first.
template <class T>
class FifoStorage : public RingBuffer<Kept<T>> {
 public:
  static constexpr bool may_throw = false;
  Kept<T> drop() noexcept { return this->pop(); }
};

// Keeps equal items in the order in which they came. All comparisons come first, and then the changes.
template <class T, class Compare>
class PriorityStorage {
 public:
  static constexpr bool may_throw = true;

  explicit PriorityStorage(Compare less = {}) : less_(std::move(less)) {}

  std::size_t size() const { return heap_.size(); }
  void make_room(std::size_t count) {
    if (heap_.size() + count > heap_.capacity()) heap_.reserve((std::max)(heap_.size() + count, 2 * heap_.capacity()));
  }

  void push(Kept<T>&& item) {
    make_room(1);
    std::size_t place = heap_.size();
    while (place > 0 && before(*item, next_number_, heap_[parent_of(place)])) place = parent_of(place);
    insert(place, {std::move(item), next_number_++});
  }
  void push_front(Kept<T>&& item) noexcept { insert(0, {std::move(item), --first_number_}); }

  Kept<T> pop() {
    // The last entry takes the place of the first, and sinks to where it belongs. A bit of `way` for each step down.
    const std::size_t last = heap_.size() - 1;
    std::uint64_t way = 0;
    unsigned steps = 0;
    for (std::size_t place = 0; 2 * place + 1 < last; ++steps) {
      std::size_t child = 2 * place + 1;
      if (child + 1 < last && before(*heap_[child + 1].item, heap_[child + 1].number, heap_[child])) ++child;
      if (!before(*heap_[child].item, heap_[child].number, heap_[last])) break;
      way |= static_cast<std::uint64_t>(child % 2 == 0) << steps;
      place = child;
    }
    Kept<T> first = std::move(heap_[0].item);
    std::size_t hole = 0;
    for (unsigned step = 0; step < steps; ++step) {
      const std::size_t child = 2 * hole + 1 + (way >> step & 1);
      heap_[hole] = std::move(heap_[child]);
      hole = child;
    }
    if (hole != last) heap_[hole] = std::move(heap_[last]);
    heap_.pop_back();
    return first;
  }
  Kept<T> drop() noexcept {
    Kept<T> item = std::move(heap_.back().item);
    heap_.pop_back();
    return item;
  }

 private:
  struct Entry {
    Kept<T> item;
    std::int64_t number;
  };
  static std::size_t parent_of(std::size_t place) { return (place - 1) / 2; }
  bool before(const T& item, std::int64_t number, const Entry& other) const {
    if (less_(item, *other.item)) return true;
    return number < other.number && !less_(*other.item, item);
  }
  // At a place between a new leaf and the root, where those on the way from there go down by one.
  void insert(std::size_t place, Entry&& entry) noexcept {
    std::size_t hole = heap_.size();
    heap_.emplace_back();  // there is room
    for (; hole != place; hole = parent_of(hole)) heap_[hole] = std::move(heap_[parent_of(hole)]);
    heap_[hole] = std::move(entry);
  }

  std::vector<Entry> heap_;  // the first is the next; an entry is before those at twice its place + 1 and + 2
  std::int64_t next_number_ = 0;
  std::int64_t first_number_ = 0;
  [[no_unique_address]] Compare less_;
};

// Gives what was pushed last.
template <class T>
class LifoStorage {
 public:
  static constexpr bool may_throw = false;
  std::size_t size() const { return items_.size(); }
  void make_room(std::size_t count) {
    if (items_.size() + count > items_.capacity())
      items_.reserve((std::max)(items_.size() + count, 2 * items_.capacity()));
  }
  void push(Kept<T>&& item) { items_.push_back(std::move(item)); }
  void push_front(Kept<T>&& item) noexcept { items_.push_back(std::move(item)); }
  Kept<T> pop() noexcept {
    Kept<T> item = std::move(items_.back());
    items_.pop_back();
    return item;
  }
  Kept<T> drop() noexcept { return pop(); }

 private:
  std::vector<Kept<T>> items_;
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
