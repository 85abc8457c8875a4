// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/lowlevel/waiter.h>

#include <cstddef>
#include <memory>

namespace asyncio::inline ASYNCIO_ABI::detail {

// The parked tasks of a loop to which a cancel is to be delivered.
//
// To deliver one may mean to pass it on to other tasks, which come to the end of the list: so the stack stays flat,
// however long a chain of tasks is that wait for each other, and a task that is reached by two ways is told once.
// A cancel cannot fail. Where the list cannot grow, the tasks that found no room are marked, and are looked for among
// all tasks of the loop when it is empty: slow, but it needs nothing.
class Cancels {
 public:
  explicit Cancels(LoopCore& loop) : loop_(loop) {}
  Cancels(const Cancels&) = delete;
  Cancels& operator=(const Cancels&) = delete;

  // Delivers it now; or, while a delivery or a batch is under way, in its turn.
  void add(TaskBase& task) noexcept;
  std::size_t size() const { return count_; }

  // While one lives, cancels are only collected; then they are delivered as one: a request that reaches a task on its
  // own, and once more from a task that awaits it, counts once. Without it, to cancel a chain of n tasks one by one
  // would take n * n steps.
  class Batch {
   public:
    explicit Batch(LoopCore& loop) noexcept;
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;
    ~Batch();

   private:
    Cancels& cancels_;
    bool outermost_;
  };

 private:
  bool grow() noexcept;
  void deliver() noexcept;
  void tell_unlisted() noexcept;
  void forget_all() noexcept;

  static constexpr std::size_t kept_room = 1024;

  LoopCore& loop_;
  std::unique_ptr<TaskBase*[]> listed_;
  std::size_t room_ = 0;
  std::size_t size_ = 0;           // of what is listed
  std::size_t count_ = 0;          // of all, and
  bool any_unlisted_ = false;      // whether some had no room, and
  bool unlisted_to_tell_ = false;  // one of them has not been told
  bool busy_ = false;              // a delivery or a batch is under way
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
