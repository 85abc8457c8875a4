// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/link.h>
#include <asyncio/detail/promise.h>
#include <asyncio/lowlevel/native_awaiter.h>

#include <concepts>
#include <coroutine>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

class FutureBase;
class TaskBase;

}  // namespace detail

namespace lowlevel {

// How tasks wait: the machinery under every awaitable of the library. A new primitive needs WaitQueue (wait_queue.h)
// and nothing of this page but the names.
//
// A task that waits is *parked*: it points at a Waiter, which lives in the awaiter, and the Waiter stands in some list.
// Whoever has what the task waits for takes the Waiter out of the list and calls wake(); the task then joins the queue
// of the loop, owning what it was given. A cancel goes the same way: it asks the Waiter to step out, and wakes the task
// with the order to throw. So there is one place where a task waits, one way out of it, and nothing gets lost between
// them.
//
//   class Doorbell {
//    public:
//     class Wait : public lowlevel::Waiter {
//      public:
//       explicit Wait(Doorbell& bell) : Waiter(kind), bell_(&bell) {}
//       bool await_ready() const { return false; }
//       template <class P>
//       void await_suspend(std::coroutine_handle<P> self) {
//         bell_->waiting_ = this;  // stands in its list, and
//         park(self);              // waits
//       }
//       void await_resume() { check(); }  // throws CancelledError where a cancel has ended the wait
//      private:
//       static void leave(Waiter& waiter) noexcept { static_cast<Wait&>(waiter).bell_->waiting_ = nullptr; }
//       static constexpr lowlevel::WaitKind kind{.reason = "Doorbell.wait", .remove = &leave};
//       Doorbell* bell_;
//     };
//     Wait wait() { return Wait(*this); }  // for one task at a time
//     void ring() {
//       if (Wait* woken = std::exchange(waiting_, nullptr)) woken->wake();
//     }
//    private:
//     Wait* waiting_ = nullptr;
//   };
//
// All of it belongs to the thread of the loop whose task waits. A waiter must stay where it is while it waits, which it
// does in the coroutine that awaits it; and what it waits in must outlive the wait, or take it out before it goes.

class Waiter;

// What all waits of one kind have in common; one static object for each.
struct WaitKind {
  // What the inspector shows: "Semaphore.acquire".
  const char* reason;
  // Takes the waiter out of the list, or whatever it waits in. It is there: nobody has woken it yet.
  void (*remove)(Waiter&) noexcept;
  // The task is to be cancelled: true has it removed and woken with the order to throw, false leaves it parked, because
  // the cancel has been passed on. Null: nothing interrupts the wait, the cancel lands at the next one.
  bool (*interrupt)(Waiter&) noexcept = [](Waiter&) noexcept { return true; };
  // The future or task among whose joiners the waiter stood has ended. Null: wake().
  void (*joined)(Waiter&) noexcept = nullptr;
  // The future or task that is waited for, if it is one.
  detail::FutureBase* (*awaited)(const Waiter&) noexcept = nullptr;
  // Who waits, where that is not the waiter's own task: it is one of several waiters on behalf of a gather(), say. May
  // give null.
  const detail::TaskBase* (*awaiter)(const Waiter&) noexcept = nullptr;
  // Whether a request to cancel the task has been passed on, and may come back because nobody took notice. Null: no.
  bool (*passed_on)(const Waiter&) noexcept = nullptr;
};

// One wait of one task; the base of every awaiter that suspends. Movable until it has been awaited.
class Waiter : public NativeAwaiter {
 public:
  explicit Waiter(const WaitKind& kind) : kind_(&kind) {}
  Waiter(Waiter&& other) noexcept : kind_(other.kind_) {}

  // Lets the task that awaits continue in its turn. The caller has taken the waiter out of its list.
  void wake() noexcept;

  // The same, at once instead of in its turn: for what the loop runs itself, and not inside of a task.
  void wake_now() noexcept;

  detail::TaskBase* task() const { return task_; }  // null before the wait
  const WaitKind& kind() const { return *kind_; }

 protected:
  ~Waiter() = default;

  // Suspends the running task, whose innermost coroutine is `self`, until wake(); the last act of await_suspend. The
  // waiter stands in its list already: if a cancel is pending it is taken out again.
  template <class P>
  void park(std::coroutine_handle<P>) {
    static_assert(std::derived_from<P, detail::Promise>,
                  "this can only be awaited in a coroutine that returns asyncio::Coro");
    park();
  }
  void park();

  // Throws CancelledError where the wait ended by a cancel; the first act of await_resume.
  void check() {
    if (kind_ == &interrupted) [[unlikely]]
      throw_interrupted();
  }
  // The same, and throws too where a cancel came after the wake: for a wait that gives nothing which could be lost.
  void check_all();
  bool was_interrupted() const { return kind_ == &interrupted; }

  // A waiter of this kind stands in no list: its wait ended by a cancel.
  static const WaitKind interrupted;

  const WaitKind* kind_;
  detail::TaskBase* task_ = nullptr;  // set by park()

 private:
  friend class detail::TaskBase;
  [[noreturn]] void throw_interrupted();
};

// A waiter with a place in a list.
class LinkedWaiter : public Waiter, public detail::Link {
 public:
  using Waiter::Waiter;
  LinkedWaiter(LinkedWaiter&& other) noexcept : Waiter(std::move(other)) {}

 protected:
  ~LinkedWaiter() = default;
};

}  // namespace lowlevel

}  // namespace asyncio::inline ASYNCIO_ABI

#include <asyncio/detail/waiter.h>
