// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/event_loop.h>

#include <string>

namespace asyncio::inline ASYNCIO_ABI::detail {

// The place of a loop among all loops of the process.
struct LoopPlace : Link {
  explicit LoopPlace(const LoopCore& owner) : loop(&owner) {}
  const LoopCore* const loop;
  LoopPlace* below[2] = {};
};

// The loops that there are, by address. Whatever may outlive its loop asks whether that is still there, and a program
// may have a loop in each of many threads. It is a digital search tree: a loop stands at the first free place on the
// way that the bits of its key lead, from the root down. To find it is to go that way, which is about as long as the
// number of loops has bits. It is never balanced, needs no memory but two pointers in each loop, and a loop that goes
// is replaced by any leaf below it.
class LoopTree {
 public:
  bool contains(const LoopCore* loop) noexcept { return *way_to(loop) != nullptr; }
  void insert(LoopPlace& place) noexcept { *way_to(place.loop) = &place; }
  void remove(LoopPlace& place) noexcept;  // it is there

 private:
  LoopPlace** way_to(const LoopCore* loop) noexcept;  // where it stands, or would have to stand
  static LoopPlace** any_below(LoopPlace& place) noexcept;

  LoopPlace* root_ = nullptr;
};

void register_loop(LoopPlace& place) noexcept;
void unregister_loop(LoopPlace& place) noexcept;
// Keeps one that has been destroyed in the child of a fork(), and was the parent's, and all that it has: for those who
// look for leaks.
void keep_parents_loop(LoopPlace& place) noexcept;

// Whether a loop still exists: for what may outlive it. The address of one that is gone may have another one by now,
// which then takes its place. Any thread.
bool is_alive(const LoopCore* loop) noexcept;

// For what needs the loop of its thread; the operation is named.
[[noreturn]] void throw_no_running_loop(const std::string& operation);

}  // namespace asyncio::inline ASYNCIO_ABI::detail
