// SPDX-License-Identifier: MIT
#include "loop/timer_queue.h"

#include <algorithm>
#include <bit>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
namespace {

// How many cache misses of a walk are under way at a time. Each costs arm() a step back along the list.
constexpr int ahead_distance = 6;

// How many nodes that are out of order next() looks at.
constexpr int look_limit = 16;

}  // namespace

void TimerQueue::arm(TimerNode& node, std::int64_t deadline) noexcept {
  assert(!node.armed());
  node.deadline = deadline;
  const std::uint64_t key = key_of(deadline);
  if (size_++ == 0) {
    base_ = front_end_ = key;
  } else if (key <= front_end_) [[unlikely]] {
    return arm_early(node);
  }
  place(node);
}

std::int64_t TimerQueue::next() noexcept {
  if (!is_empty(front_)) return node_of(front_.next_).deadline;
  Position at;
  if (!find_first(at)) return INT64_MAX;
  TimerLink& slot = slot_at(at);
  std::int64_t earliest = node_of(slot.next_).deadline;
  if (is_ordered(at)) return earliest;
  int looks = 1;
  for (TimerLink* link = slot.next_->next_; link != &slot; link = link->next_) {
    if (++looks > look_limit) return time_of(start_of(at));
    earliest = std::min(earliest, node_of(link).deadline);
  }
  return earliest;
}

void TimerQueue::clear() noexcept {
  while (pop_due(INT64_MAX) != nullptr) {
  }
}

// Called while there is no front.
TimerNode* TimerQueue::open_due_slot(std::int64_t now) noexcept {
  const std::uint64_t now_key = key_of(now);
  if (now_key < base_) return nullptr;
  Position at;
  while (find_first(at)) {
    const std::uint64_t start = start_of(at);
    if (start > now_key) break;
    base_ = start;
    levels_[at.level].occupied &= ~at.bit();
    TimerLink& slot = slot_at(at);
    if (is_ordered(at)) {
      front_end_ = start | ((std::uint64_t{1} << (at.level * digit_bits)) - 1);
      append_all(front_, slot);
      return pop_front(now);
    }
    for (TimerLink *link = slot.next_, *after; link != &slot; link = after) {
      after = link->next_;
      __builtin_prefetch(link->ahead_, 1);
      place(node_of(link));
    }
  }
  // Every slot begins after now_key: seen from there, it has the level and the digit that it has seen from base_.
  base_ = front_end_ = now_key;
  return nullptr;
}

bool TimerQueue::find_first(Position& at) noexcept {
  for (; occupied_levels_ != 0; occupied_levels_ &= occupied_levels_ - 1) {
    at.level = static_cast<unsigned>(std::countr_zero(occupied_levels_));
    Level& level = levels_[at.level];
    for (; level.occupied != 0; level.occupied &= level.occupied - 1) {
      at.digit = static_cast<unsigned>(std::countr_zero(level.occupied));
      if (!is_empty(level.slots[at.digit])) return true;
    }
  }
  return false;
}

std::uint64_t TimerQueue::start_of(Position at) const noexcept {
  const unsigned shift = at.level * digit_bits;
  // In two steps, because at the coarsest level there are not as many bits as that.
  const std::uint64_t coarser = base_ >> shift >> digit_bits << digit_bits;
  return (coarser | at.digit) << shift;
}

// Where a node with this key belongs, seen from `base`.
TimerQueue::Position TimerQueue::position_of(std::uint64_t key, std::uint64_t base) noexcept {
  const unsigned highest_bit = static_cast<unsigned>(std::bit_width((key ^ base) | 1)) - 1;
  const unsigned level = highest_bit / digit_bits;
  return {level, static_cast<unsigned>(key >> (level * digit_bits)) % (1u << digit_bits)};
}

// The list of a position, about to grow.
TimerLink& TimerQueue::occupy(Position at) noexcept {
  Level& level = levels_[at.level];
  TimerLink& slot = level.slots[at.digit];
  if ((level.occupied & at.bit()) == 0) {
    make_empty(slot);
    level.occupied |= at.bit();
    occupied_levels_ |= 1u << at.level;
  }
  if (is_empty(slot)) level.unordered &= ~at.bit();
  return slot;
}

void TimerQueue::place(TimerNode& node) noexcept {
  const Position at = position_of(key_of(node.deadline), base_);
  TimerLink& slot = occupy(at);
  if (!is_empty(slot) && node_of(slot.previous_).deadline > node.deadline) levels_[at.level].unordered |= at.bit();
  append(slot, node);
}

void TimerQueue::append(TimerLink& list, TimerNode& node) noexcept {
  TimerLink* link = list.previous_;
  node.next_ = &list;
  node.previous_ = link;
  link->next_ = &node;
  list.previous_ = &node;
  // To go round a short list, and to write to its head, does no harm.
  for (int distance = 1; distance < ahead_distance; ++distance) link = link->previous_;
  link->ahead_ = &node;
}

// `source` must not be empty, and is afterwards.
void TimerQueue::append_all(TimerLink& list, TimerLink& source) noexcept {
  source.next_->previous_ = list.previous_;
  source.previous_->next_ = &list;
  list.previous_->next_ = source.next_;
  list.previous_ = source.previous_;
  make_empty(source);
}

// For a deadline that is not later than front_end_.
void TimerQueue::arm_early(TimerNode& node) noexcept {
  const std::uint64_t key = key_of(node.deadline);
  if (key < base_) {
    move_base_back(key);
  } else if (!is_empty(front_)) {
    if (node_of(front_.previous_).deadline <= node.deadline) return append(front_, node);
    spread_front(key);
  }
  front_end_ = base_;
  place(node);
}

// Makes room for a deadline that is somewhere before the last of the front.
void TimerQueue::spread_front(std::uint64_t key) noexcept {
  base_ = std::min(key, key_of(node_of(front_.next_).deadline));
  const Position last = position_of(key_of(node_of(front_.previous_).deadline), base_);
  while (position_of(key_of(node_of(front_.next_).deadline), base_) != last) {
    TimerNode& node = node_of(front_.next_);
    __builtin_prefetch(node.ahead_, 1);
    front_.next_ = node.next_;
    front_.next_->previous_ = &front_;
    place(node);
  }
  // All between two nodes of a slot are of that slot: a million equal deadlines cost one step.
  append_all(occupy(last), front_);
}

void TimerQueue::move_base_back(std::uint64_t key) noexcept {
  const Position all = position_of(base_, key);
  if (!is_empty(front_)) append_all(occupy(all), front_);
  Position at;
  while (find_first(at) && at.level < all.level) {
    append_all(occupy(all), slot_at(at));
    levels_[all.level].unordered |= is_ordered(at) ? 0 : all.bit();
  }
  base_ = key;
}

}  // namespace asyncio::inline ASYNCIO_ABI
