// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/coro.h>
#include <asyncio/link.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>

namespace asyncio::inline ASYNCIO_ABI {

namespace lowlevel {

// How tasks wait: the machinery under every awaitable of the library. A new primitive needs WaitQueue (wait_queue.h) and
// nothing of this page but the names.
//
// A task that waits is *parked*: it points at a Waiter, which lives in the awaiter, and the Waiter stands in some list.
// Whoever has what the task waits for takes the Waiter out of the list and calls wake(); the task then joins the queue of
// the loop, owning what it was given. A cancel goes the same way: it asks the Waiter to step out, and wakes the task with
// the order to throw. So there is one place where a task waits, one way out of it, and nothing gets lost between them.

class Waiter;

}  // namespace lowlevel

class EventLoop;

namespace detail {

class FutureBase;
class TaskBase;
struct TaskExtra;

// The part of an event loop that tasks touch at every step.
struct LoopCore {
  ReadyQueue ready;
  Link live;                           // every task that has started and not ended
  Link callbacks;                      // every done callback that waits for its future
  std::uint64_t task_numbers = 0;      // the next number for a name "Task-N", and
  std::uint64_t task_numbers_end = 0;  // the end of the block that this loop has drawn
  bool debug = false;
  bool has_task_factory = false;
};

// Set for good by the first loop of the program that is in debug mode: asked without touching a loop, which may have gone.
extern constinit bool debug_mode_used;
LoopCore& core_of(EventLoop& loop) noexcept;
inline LoopCore* core_of(EventLoop* loop) noexcept { return loop != nullptr ? &core_of(*loop) : nullptr; }
void refuse_other_thread(const LoopCore* loop, const char* operation);

// For the begin of whatever changes something that belongs to a loop: in debug mode throws RuntimeError where that loop
// runs in another thread. The loop may have been destroyed.
inline void require_own_thread(const LoopCore* loop, const char* operation) {
  if (__atomic_load_n(&debug_mode_used, __ATOMIC_RELAXED)) [[unlikely]]
    refuse_other_thread(loop, operation);
}

}  // namespace detail

namespace lowlevel {

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

namespace detail {

// The state that Task and Future handles share: a result that will be available. Not thread-safe: one loop's alone.
class FutureBase : public Runnable {
 public:
  FutureBase(const FutureBase&) = delete;
  FutureBase& operator=(const FutureBase&) = delete;

  void retain() noexcept { ++references_; }
  void release() noexcept {
    if (--references_ == 0) destroy();
  }
  bool shared(std::uint32_t own) const { return references_ > own; }  // by others than `own` of the caller

  bool done() const { return (flags_ & done_flag) != 0; }
  bool cancelled() const { return (flags_ & cancelled_flag) != 0; }
  LoopCore* loop() const { return loop_; }

  // Requests a cancel; false where it has ended. A future ends at once, a task when its coroutine does. Nothing of it
  // can fail: where there is no memory for the message, it goes without.
  virtual bool cancel(std::string_view message) noexcept = 0;
  // The exception it ended with, a CancelledError too; null after a value. Counts as a look at it.
  virtual std::exception_ptr outcome_exception() noexcept = 0;

  Link& joiners() { return joiners_; }
  const Link& joiners() const { return joiners_; }
  // Whether it ended with an exception other than CancelledError. Does not count as a look at it.
  bool failed() const { return (flags_ & failed_flag) != 0; }
  // The coroutine that runs is about to get the outcome; the traceback of an exception goes on from that of the task.
  void retrieve() noexcept {
    if (failed()) [[unlikely]]
      resume_traceback();
    mark_retrieved();
  }
  void mark_retrieved() noexcept { flags_ &= static_cast<std::uint8_t>(~unretrieved_flag); }

  virtual const TaskBase* as_task() const { return nullptr; }

  bool has_cancel_request() const { return (interrupts_ & edge) != 0; }

  void require_done() const {
    if (!done()) throw_pending();
  }
  void require_pending(const char* operation) const {
    detail::require_own_thread(loop_, operation);
    if (!pending()) throw_done();
  }

 protected:
  enum Flag : std::uint8_t {
    done_flag = 1,
    cancelled_flag = 2,
    unretrieved_flag = 4,         // ended with an exception that nobody has looked at
    started_flag = 8,             // the body of the task runs, or has run
    body_ended_flag = 16,         // the outermost coroutine of the task is at its end
    queued_flag = 32,             // the task is in the loop's list of cancels to deliver, and
    passed_on_flag = 64,          // had its turn there, and another task has the request now
    failed_flag = 128,            // ended with an exception, CancelledError apart
    settling_flag = queued_flag,  // the same bit of a future: its value is being made, and may not be set now
    // The same bits of a task that is parked, for the list of cancels (loop/cancels.h).
    no_circle_flag = unretrieved_flag,
    unlisted_flag = failed_flag,
  };
  enum Interrupt : std::uint8_t {
    edge = 1,    // a request of cancel() that has not been delivered
    level = 2,   // an enclosing CancelScope is cancelled
    forked = 4,  // this is the child of a fork(), which has no loop that could end the wait
  };

  // Of a future: whether it can be given its outcome.
  bool pending() const { return (flags_ & (done_flag | settling_flag)) == 0; }
  // While one lives, nobody can.
  struct Settling {
    explicit Settling(FutureBase& settled) : future(settled) { future.flags_ |= settling_flag; }
    Settling(const Settling&) = delete;
    ~Settling() { future.flags_ &= static_cast<std::uint8_t>(~settling_flag); }
    FutureBase& future;
  };

  explicit FutureBase(LoopCore* loop) : loop_(loop) {}
  ~FutureBase() = default;
  virtual void destroy() noexcept = 0;

  // Marks it as done and tells the joiners, in the order in which they came.
  void complete(std::uint8_t flags) noexcept {
    flags_ = static_cast<std::uint8_t>(flags_ | done_flag | flags);
    if (!joiners_.alone()) tell_joiners();
  }
  // The same for an exception: finds out whether it is a CancelledError, and whether it must be reported.
  void complete_with(const std::exception_ptr& error) noexcept;
  void before_destroy(const std::exception_ptr& error) noexcept {
    if ((flags_ & unretrieved_flag) != 0) [[unlikely]]
      report_never_retrieved(error);
    if (!joiners_.alone()) [[unlikely]]
      drop_callbacks();
  }

  Link joiners_;
  LoopCore* loop_;
  std::uint32_t references_ = 1;
  std::uint16_t cancels_ = 0;  // Task.cancelling()
  std::uint8_t flags_ = 0;
  std::uint8_t interrupts_ = 0;  // what the next park must look at

 private:
  void tell_joiners() noexcept;
  void resume_traceback() noexcept;
  void report_never_retrieved(const std::exception_ptr& error) noexcept;
  void drop_callbacks() noexcept;
  [[noreturn]] void throw_pending() const;
  [[noreturn]] void throw_done() const;
};

// The exception of one that has ended, as Future::exception() and Task::exception() give it.
std::exception_ptr exception_of(FutureBase& state);
std::exception_ptr make_cancelled(std::string_view message, const void* source = nullptr) noexcept;
LoopCore& running_loop(const char* operation);  // throws RuntimeError, which names the operation, where none runs
[[noreturn]] void refuse_task(Promise* body, const std::source_location& site);

struct LiveLink : Link {};

// A coroutine that the loop runs. It owns the coroutine's frame, which goes when the body ends: the result stays.
class TaskBase : public FutureBase, private LiveLink {
 public:
  bool cancel(std::string_view message) noexcept final;
  int uncancel() noexcept;
  int cancelling() const { return cancels_; }

  void run() noexcept final;  // one step
  void run_now() noexcept {   // the same for others than the loop, which debug mode has to watch
    if (loop_->debug) [[unlikely]]
      return run_watched();
    run();
  }
  void start_eagerly() noexcept;     // the first one, now, within whatever runs
  void destroy_pending() noexcept;   // the loop closes: there is no next step
  void leave_frames() noexcept;      // the same, and the frames stay where they are
  void look_before_parking();        // at what stands against it; throws in the child of a fork()
  void interrupt_parked() noexcept;  // takes a task that is to be cancelled out of its wait

  // In the child of a fork() that the task has called: it goes on, but RuntimeError is thrown where it has to wait.
  void refuse_to_wait() noexcept { interrupts_ |= forked; }
  bool refuses_to_wait() const { return (interrupts_ & forked) != 0; }

  // Takes the request that is to be delivered, if there is one; its text; puts it back because nobody saw it. Waits that
  // pass a cancel on do so with PassedOn.
  bool take_cancel_request() noexcept {
    const bool requested = has_cancel_request();
    interrupts_ &= static_cast<std::uint8_t>(~edge);
    return requested;
  }
  std::string_view cancel_message() const noexcept;
  void restore_cancel_request() noexcept {
    if (cancels_ > 0) interrupts_ |= edge;
  }
  void restore_cancel_request(std::string_view message) noexcept;
  // Whether there is a request that has not been delivered, or that was passed on and may come back.
  bool request_under_way() const noexcept;
  // Whether the next wait throws: there is a request, or a CancelScope around it is cancelled.
  bool interrupts_next_wait() const { return interrupts_ != 0; }
  [[noreturn]] void throw_interrupt();

  // For CancelScope: what the scopes of the task demand has changed. The one whose error a wait throws now; null: none.
  void look_at_scopes() noexcept;
  const void* deciding_scope() const noexcept;

  const TaskBase* as_task() const final { return this; }
  const lowlevel::Waiter* waiter() const { return waiter_; }  // null while it runs, or is about to
  const Promise* innermost() const { return innermost_; }     // null once the body has ended
  const std::source_location& creation() const { return creation_; }
  TaskExtra& extra();
  void set_extra(TaskExtra& made) noexcept;  // of one that is plain; the task owns it
  const TaskExtra* extra_if_any() const noexcept;
  std::uint64_t number() const;
  bool plain() const { return (identity_ & 1) != 0; }  // has no TaskExtra

  // The task at a place of LoopCore::live.
  static TaskBase& from_live(Link& link) { return static_cast<TaskBase&>(static_cast<LiveLink&>(link)); }

 protected:
  // One that starts eagerly is not queued: start_eagerly() follows.
  TaskBase(LoopCore& loop, Promise& body, const std::source_location& creation, bool eager) noexcept
      : FutureBase(&loop), innermost_(&body), identity_(draw_number(loop)), creation_(creation) {
    loop.live.push_back(static_cast<LiveLink&>(*this));
    if (!eager) loop.ready.push(*this);
  }
  ~TaskBase();

  // Takes the result out of the coroutine's frame, destroys the frame, and ends.
  virtual void settle() noexcept = 0;
  // The frame has gone without a result.
  virtual void settle_cancelled(std::exception_ptr error) noexcept = 0;

  // Leaves the loop, and tells the joiners. The handles keep the result.
  void end() noexcept {
    unlink();
    complete(0);
    release();
  }
  void end_with(std::exception_ptr error) noexcept;
  void end_unstarted() noexcept;
  void step() noexcept;
  void run_watched() noexcept;
  void tell_of_cancel() noexcept;  // its turn in the list of cancels
  bool awaits_itself() noexcept;
  void interrupt_wait() noexcept;
  [[noreturn]] void refuse_parking();
  void note_interrupter() noexcept;
  void note_cancel_message(std::string_view message) noexcept;
  TaskBase* awaited_task() const noexcept;

  Promise* innermost_;  // the coroutine that runs or is to be resumed; the outermost before the start and at the end
  lowlevel::Waiter* waiter_ = nullptr;

 private:
  friend class lowlevel::Waiter;
  friend class Promise;
  friend class Cancels;

  static std::uintptr_t draw_number(LoopCore& loop) noexcept {
    if (loop.task_numbers == loop.task_numbers_end) [[unlikely]]
      draw_numbers(loop);
    return static_cast<std::uintptr_t>(loop.task_numbers++ << 1 | 1);
  }
  static void draw_numbers(LoopCore& loop) noexcept;

  std::uintptr_t identity_;  // odd: the number of the task, shifted; even: a TaskExtra, made on demand
  std::source_location creation_;
};

// What a wait has passed on of the cancels of its task to what it waits for, and must tell of when that has ended.
class PassedOn {
 public:
  // Takes what interrupts the task now. Gives the text of the request, for those that it is passed on to.
  std::string take(TaskBase& task) noexcept;

  bool any() const { return requested_ || by_scope_; }
  bool requested() const { return requested_; }  // by cancel(), and not only by a CancelScope
  bool by_scope() const { return by_scope_; }
  // Of the latest request that had one: a deadline that passes later says nothing.
  const std::string& message() const { return message_; }

  // Nobody took notice of the request: the task meets it at its next wait.
  void restore(TaskBase& task) const noexcept;
  // Throws the CancelledError that the task is to get for it.
  [[noreturn]] void raise(TaskBase& task) const;

 private:
  std::string message_;
  bool requested_ = false;
  bool by_scope_ = false;
};

inline void Promise::becomes_innermost() noexcept { this_thread.task->innermost_ = this; }
inline void Promise::leave_task() noexcept { this_thread.task->flags_ |= TaskBase::body_ended_flag; }

}  // namespace detail

namespace lowlevel {

inline void Waiter::wake() noexcept {
  detail::TaskBase& task = *task_;
  task.waiter_ = nullptr;
  task.loop_->ready.push(task);
}

inline void Waiter::wake_now() noexcept {
  task_->waiter_ = nullptr;
  task_->run_now();
}

inline void Waiter::check_all() {
  if (kind_ == &interrupted || task_->interrupts_ != 0) [[unlikely]]
    throw_interrupted();
}

inline void Waiter::park() {
  detail::TaskBase& task = *detail::this_thread.task;
  task_ = &task;
  task.waiter_ = this;
  if (task.interrupts_ != 0) [[unlikely]]
    task.look_before_parking();
}

}  // namespace lowlevel

}  // namespace asyncio::inline ASYNCIO_ABI

#include <asyncio/foreign.h>
