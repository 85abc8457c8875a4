// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/future_base.h>
#include <asyncio/detail/promise.h>

#include <cstdint>
#include <exception>
#include <source_location>
#include <string>
#include <string_view>

namespace asyncio::inline ASYNCIO_ABI {

namespace lowlevel {

class Waiter;

}  // namespace lowlevel

namespace detail {

struct TaskExtra;

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

  // Takes the request that is to be delivered, if there is one; its text; puts it back because nobody saw it. Waits
  // that pass a cancel on do so with PassedOn.
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
  const lowlevel::Waiter* waiter() const { return parked_in(); }  // null while it runs, or is about to
  const Promise* innermost() const { return body_ended() ? nullptr : word_.innermost; }
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
      : FutureBase(&loop), identity_(draw_number(loop)), creation_(creation) {
    word_.innermost = &body;
    loop.live.push_back(static_cast<LiveLink&>(*this));
    if (!eager) loop.ready.push(*this);
  }
  ~TaskBase() {
    if (!plain()) [[unlikely]]
      drop_extra();
  }

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
  void drop_extra() noexcept;
  void step() noexcept;
  void run_watched() noexcept;
  void tell_of_cancel() noexcept;  // its turn in the list of cancels
  bool awaits_itself() noexcept;
  void interrupt_wait() noexcept;
  [[noreturn]] void refuse_parking();
  void note_interrupter() noexcept;
  void note_cancel_message(std::string_view message) noexcept;
  TaskBase* awaited_task() const noexcept;

  bool body_ended() const { return (flags_ & body_ended_flag) != 0; }
  // The coroutines are about to go. Their destructors may look at this task: there are none any more.
  Promise& take_innermost() noexcept {
    flags_ |= body_ended_flag;
    return *word_.innermost;
  }

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

  lowlevel::Waiter* parked_in() const noexcept { return static_cast<lowlevel::Waiter*>(kept()); }
  // Takes it out of its wait, if it is parked.
  void leave_wait() noexcept;

  std::uintptr_t identity_;  // odd: the number of the task, shifted; even: a TaskExtra, made on demand
  std::source_location creation_;
};

[[noreturn]] void refuse_task(Promise* body, const std::source_location& site);

inline void Promise::becomes_innermost() noexcept { this_thread.task->word_.innermost = this; }
inline void Promise::leave_task() noexcept { this_thread.task->flags_ |= TaskBase::body_ended_flag; }

}  // namespace detail

}  // namespace asyncio::inline ASYNCIO_ABI
