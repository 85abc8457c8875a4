// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/timer_node.h>

#include <bit>
#include <cstddef>
#include <cstdint>

namespace asyncio::inline ASYNCIO_ABI::detail {

// The event loop's timers: nodes leave in the order of their deadlines, equal ones in the order of arming.
//
//   timers.arm(node, now + 1'000'000'000);
//   ...
//   backend.wait_until(timers.next());
//   while (TimerNode* due = timers.pop_due(clock.now())) wake(*due);
//
// A deadline may be any number, long past or centuries away. Nothing is allocated and nothing throws: the queue is one
// object of 17 KiB, whatever it holds, and a disarmed node leaves nothing behind. It has no clock: time is what
// pop_due() is told; it may jump, and a step back does no harm. For one thread. A node belongs to its owner, who may
// destroy it once it is disarmed; the destructor of the queue disarms those that are left.
//
// How it works
//
// A time is a number of eleven digits, of six bits each. So is base_, and nothing is armed before that. A node lives at
// the level of the first digit in which its deadline differs from base_, in the slot which that digit of it names:
//
//     level            0      1      2       3       4      5      6     7       8      9      10
//     width of a slot  1 ns   64 ns  4.1 us  262 us  17 ms  1.1 s  69 s  73 min  3.3 d  208 d  37 years
//
// What is in a level is due before what is in the next, and so it is with the slots of a level. A bitmap of levels, and
// one of slots for each, find the earliest slot in a few instructions, however far time has jumped. To arm is to append
// to a list. To disarm is to unlink, without knowing from what: a slot's bit is cleared when it is found to be empty.
//
// When time reaches the earliest slot, base_ becomes its start and the slot is opened. Where its list is in order of
// deadline, as a bit tells that is kept while the list grows, it becomes the front, from which pop_due() takes one node
// after the other. Where it is not, its nodes are placed again: at finer levels, all of them empty at that moment. A
// slot of one nanosecond is always in order, so this ends, and nothing is ever sorted.
//
// Equal deadlines are always in the same list, and a list grows at its end only: what moves to a finer level comes into
// empty slots, before any newcomer. A newcomer that is due within the slot that became the front is appended to the
// front where that is its place; otherwise the front is placed again first.
//
// A deadline before base_ moves base_ back. Whatever is at a finer level than the first digit in which the two differ
// belongs to a single slot then, and is joined to one list without a walk. So base_ may be chosen freely, and is the
// better the later it is: the first deadline where nothing is armed, the latest time without a due node otherwise.
//
// A node that is placed again is at a finer level than before: it moves ten times at most, and two or three as a rule.
// To walk along a million nodes would be a million cache misses, each waiting for the one before, were it not for
// TimerLink::ahead_, which puts several under way. Without it the queue is no faster than a heap at that size, with it
// three times as fast.
class TimerQueue {
 public:
  TimerQueue() noexcept { make_empty(front_); }
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;
  ~TimerQueue() { clear(); }

  // Makes the node, which must not be armed, due at `deadline`.
  void arm(TimerNode& node, std::int64_t deadline) noexcept;

  // Takes the node out. Does nothing where it is not armed.
  void disarm(TimerNode& node) noexcept {
    if (node.armed()) unlink(node);
  }

  // Takes out the earliest of the nodes with deadline <= now; null where there is none. pop_due(INT64_MAX) takes any.
  TimerNode* pop_due(std::int64_t now) noexcept {
    if (is_empty(front_)) return open_due_slot(now);
    return pop_front(now);
  }

  // When to call pop_due() again: the earliest deadline, INT64_MAX where nothing is armed. It may be in the past. Where
  // the earliest slot holds more than 16 nodes that are not in order, it is the start of that slot, and may be earlier
  // than the deadline: pop_due() returns null then, but has opened the slot, and the next answer is nearer the truth.
  std::int64_t next() noexcept;

  std::size_t size() const noexcept { return size_; }

  // Calls f with every armed node, in no particular order.
  template <class F>
  void for_each(F f) const {
    const auto visit = [&f](const TimerLink& list) {
      for (const TimerLink* link = list.next_; link != &list; link = link->next_)
        f(static_cast<const TimerNode&>(*link));
    };
    visit(front_);
    for (const Level& level : levels_) {
      for (std::uint64_t left = level.occupied; left != 0; left &= left - 1) visit(level.slots[std::countr_zero(left)]);
    }
  }

  // Disarms every node.
  void clear() noexcept;

 private:
  static constexpr unsigned digit_bits = 6;
  static constexpr unsigned level_count = 11;

  // A slot whose bit in `occupied` is not set is empty, and its links mean nothing; the others may be empty, too.
  // A slot whose bit in `unordered` is not set is in order of deadline.
  struct Level {
    std::uint64_t occupied = 0;
    std::uint64_t unordered = 0;
    TimerLink slots[1u << digit_bits];
  };

  struct Position {
    unsigned level;
    unsigned digit;
    std::uint64_t bit() const noexcept { return std::uint64_t{1} << digit; }
    bool operator==(const Position&) const = default;
  };

  // A key is a time as an unsigned number, which has digits: the sign is inverted, so that the order is the same.
  static std::uint64_t key_of(std::int64_t time) noexcept { return static_cast<std::uint64_t>(time) ^ sign_bit; }
  static std::int64_t time_of(std::uint64_t key) noexcept { return static_cast<std::int64_t>(key ^ sign_bit); }
  static TimerNode& node_of(TimerLink* link) noexcept { return static_cast<TimerNode&>(*link); }
  static bool is_empty(const TimerLink& list) noexcept { return list.next_ == &list; }
  static void make_empty(TimerLink& list) noexcept { list.next_ = list.previous_ = &list; }
  static void append(TimerLink& list, TimerNode& node) noexcept;
  static void append_all(TimerLink& list, TimerLink& source) noexcept;
  static Position position_of(std::uint64_t key, std::uint64_t base) noexcept;

  void unlink(TimerNode& node) noexcept {
    node.previous_->next_ = node.next_;
    node.next_->previous_ = node.previous_;
    node.next_ = nullptr;
    --size_;
  }

  TimerNode* pop_front(std::int64_t now) noexcept {
    TimerNode& node = node_of(front_.next_);
    if (node.deadline > now) return nullptr;
    __builtin_prefetch(node.ahead_, 1);
    unlink(node);
    return &node;
  }

  TimerNode* open_due_slot(std::int64_t now) noexcept;
  bool find_first(Position& at) noexcept;
  std::uint64_t start_of(Position at) const noexcept;
  TimerLink& slot_at(Position at) noexcept { return levels_[at.level].slots[at.digit]; }
  bool is_ordered(Position at) const noexcept { return (levels_[at.level].unordered & at.bit()) == 0; }
  TimerLink& occupy(Position at) noexcept;
  void place(TimerNode& node) noexcept;
  void arm_early(TimerNode& node) noexcept;
  void spread_front(std::uint64_t key) noexcept;
  void move_base_back(std::uint64_t key) noexcept;

  static constexpr std::uint64_t sign_bit = std::uint64_t{1} << 63;

  // Of keys: base_ <= front_end_, and no node is before base_. Where there is a front, its nodes are not after
  // front_end_, and all others are. A slot that base_ itself names, at its level, is empty, but for level 0.
  std::uint64_t base_ = 0;
  std::uint64_t front_end_ = 0;
  std::size_t size_ = 0;
  TimerLink front_;               // in order
  unsigned occupied_levels_ = 0;  // no slot of a level whose bit is not set is occupied
  Level levels_[level_count];
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
