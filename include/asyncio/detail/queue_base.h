// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/lowlevel/wait_queue.h>

#include <cstddef>

namespace asyncio::inline ASYNCIO_ABI::detail {

// What the queues have in common, apart from their items.
class QueueBase {
 public:
  class Join;

  QueueBase(const QueueBase&) = delete;
  QueueBase& operator=(const QueueBase&) = delete;

  int maxsize() const { return maxsize_; }

  void task_done() {
    if (unfinished_ == 0) [[unlikely]]
      throw_surplus_task_done();
    joiners_.check_thread("Queue.task_done");
    finish(1);
  }

  Join join();

 protected:
  explicit QueueBase(int maxsize);
  ~QueueBase() = default;

  void finish(std::size_t items) noexcept {
    unfinished_ -= items;
    if (unfinished_ == 0) joiners_.wake_all();
  }
  [[noreturn]] static void throw_surplus_task_done();
  [[noreturn]] static void throw_shut_down();
  [[noreturn]] void throw_full() const;
  [[noreturn]] static void throw_empty();

  // A waiter of this kind was woken because its item has changed hands. One that has kept its own kind was woken by
  // shutdown().
  static const lowlevel::WaitKind served;

  lowlevel::WaitQueue getters_;  // empty unless the queue is
  lowlevel::WaitQueue putters_;  // empty unless the queue is full
  lowlevel::WaitQueue handed_;   // getters that have got their item, and have not run yet; where that may come back
  lowlevel::WaitQueue joiners_;
  std::size_t leaving_ = 0;     // items that are being moved out; each keeps its place until that has been done
  std::size_t unfinished_ = 0;  // items that were put and have had no task_done()
  std::size_t limit_;
  int maxsize_;
  bool shut_down_ = false;
};

class [[nodiscard("nothing is waited for: write co_await")]] QueueBase::Join : public lowlevel::QueuedWaiter {
 public:
  static constexpr lowlevel::WaitKind kind = lowlevel::WaitQueue::kind("Queue.join");

  explicit Join(QueueBase& owner) : QueuedWaiter(owner.joiners_, kind), owner_(&owner) {}
  bool await_ready() const { return owner_->unfinished_ == 0; }
  void await_resume() {
    if (task() != nullptr) check_all();
  }

 private:
  QueueBase* owner_;
};

inline QueueBase::Join QueueBase::join() { return Join(*this); }

}  // namespace asyncio::inline ASYNCIO_ABI::detail
