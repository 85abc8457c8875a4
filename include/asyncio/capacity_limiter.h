// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/lowlevel/wait_queue.h>

#include <exception>
#include <memory>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

// A semaphore that knows who holds what: a task borrows one token, and gives back its own.
//
//   CapacityLimiter connections(20);
//
//   Coro<Row> query(std::string sql) {
//     auto token = co_await connections.scoped();
//     ...
//   }
//
//   connections.set_total_tokens(40);  // at run time, say when the server is known to be large
//
// Misuse is an error instead of a wrong count: a task that borrows twice, which would wait for itself sooner or later,
// and one that gives back what it has not borrowed, get RuntimeError.
// Order: tasks that wait are served in the order in which they came; a token passes from hand to hand.
// A wait that is cancelled throws CancelledError and borrows nothing. A task that has been given a token has it, and a
// cancel after that lands at its next wait. A task that ends does not give back: scoped() does.
// May be made anywhere; used by the tasks of one loop at a time. Not thread-safe. It must outlive those who hold
// tokens.
// Python: none in asyncio; anyio.CapacityLimiter.
class CapacityLimiter {
 public:
  class Acquire;
  class Held;
  class Scoped;

  // Throws ValueError where total_tokens < 0.
  explicit CapacityLimiter(int total_tokens);
  CapacityLimiter(const CapacityLimiter&) = delete;
  CapacityLimiter& operator=(const CapacityLimiter&) = delete;
  ~CapacityLimiter();

  // Borrows a token for the calling task, and waits for one where none is free. Throws RuntimeError where the task has
  // one.
  Acquire acquire();

  // The same, with the token given back by the destructor of the result, in whichever task that is.
  Scoped scoped();

  // Borrows a token if one is free; never waits. Throws RuntimeError where the calling task has one, and outside a
  // task.
  bool try_acquire();

  // Gives back the token of the calling task: to the first that waits, if there is one. Throws RuntimeError where it
  // has none, and outside a task.
  void release();

  int total_tokens() const { return total_; }
  // More let tasks that wait go on at once; fewer take none away: they go as they are given back. Throws ValueError
  // where total_tokens < 0.
  void set_total_tokens(int total_tokens);

  int borrowed_tokens() const { return borrowed_; }
  int available_tokens() const { return borrowed_ < total_ ? total_ - borrowed_ : 0; }
  int tasks_waiting() const { return waiting_; }

  // For with(limiter, body).
  Acquire enter();
  void exit_now(std::exception_ptr) { release(); }

 private:
  struct Borrowers;
  void lend(detail::TaskBase& borrower);
  bool give_back(detail::TaskBase& borrower) noexcept;

  lowlevel::WaitQueue waiters_;  // empty while a token is free
  std::unique_ptr<Borrowers> borrowers_;
  int total_;
  int borrowed_ = 0;
  int waiting_ = 0;  // how many stand in waiters_
};

// Awaiting it borrows a token; no coroutine frame, and no suspension where one is free.
class [[nodiscard("nothing is waited for: write co_await")]] CapacityLimiter::Acquire : public lowlevel::QueuedWaiter {
 public:
  explicit Acquire(CapacityLimiter& owner) : QueuedWaiter(owner.waiters_, kind), owner_(&owner) {}

  bool await_ready() { return owner_->try_acquire(); }
  template <class P>
  void await_suspend(std::coroutine_handle<P> self) {
    QueuedWaiter::await_suspend(self);
    ++owner_->waiting_;  // a wait that is refused does not count
  }

 protected:
  CapacityLimiter& owner() const { return *owner_; }

 private:
  friend CapacityLimiter;
  static const lowlevel::WaitKind kind;
  static void leave(Waiter& waiter) noexcept;

  CapacityLimiter* owner_;
};

// One token; given back when destroyed.
class [[nodiscard("the token is given back at once: keep it in a variable")]] CapacityLimiter::Held {
 public:
  Held(Held&& other) noexcept : owner_(other.owner_), borrower_(std::exchange(other.borrower_, nullptr)) {}
  Held& operator=(Held other) noexcept {
    std::swap(owner_, other.owner_);
    std::swap(borrower_, other.borrower_);
    return *this;
  }
  ~Held() { release(); }

  // Gives it back before the end of the block; after that there is nothing left to give back.
  void release() noexcept {
    if (detail::TaskBase* borrower = std::exchange(borrower_, nullptr)) owner_->give_back(*borrower);
  }

 private:
  friend Scoped;
  Held(CapacityLimiter& owner, detail::TaskBase& borrower) noexcept : owner_(&owner), borrower_(&borrower) {}

  CapacityLimiter* owner_;
  detail::TaskBase* borrower_;  // null once given back or moved from
};

class [[nodiscard("nothing is waited for: write co_await")]] CapacityLimiter::Scoped : public Acquire {
 public:
  using Acquire::Acquire;
  Held await_resume() {
    Acquire::await_resume();
    return Held(owner(), *detail::this_thread.task);
  }
};

inline CapacityLimiter::Acquire CapacityLimiter::acquire() { return Acquire(*this); }
inline CapacityLimiter::Acquire CapacityLimiter::enter() { return acquire(); }
inline CapacityLimiter::Scoped CapacityLimiter::scoped() { return Scoped(*this); }

}  // namespace asyncio::inline ASYNCIO_ABI
