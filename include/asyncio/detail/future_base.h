// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>
#include <asyncio/detail/link.h>
#include <asyncio/detail/loop_core.h>
#include <asyncio/detail/ref.h>
#include <asyncio/detail/result_word.h>

#include <cstdint>
#include <exception>
#include <string_view>

namespace asyncio::inline ASYNCIO_ABI::detail {

class TaskBase;

// The state that Task and Future handles share: a result that will be available. Not thread-safe: one loop's alone.
class FutureBase : public Runnable {
 public:
  FutureBase(const FutureBase&) = delete;
  FutureBase& operator=(const FutureBase&) = delete;

  void retain() noexcept { references_.retain(); }
  void release() noexcept {
    if (references_.release()) destroy();
  }
  bool shared(std::uint32_t own) const { return references_.value() > own; }  // by others than `own` of the caller

  bool done() const { return (flags_ & done_flag) != 0; }
  bool cancelled() const { return (flags_ & cancelled_flag) != 0; }
  // What it ended with, where it is done.
  bool has_value() const { return (flags_ & (done_flag | cancelled_flag | failed_flag)) == done_flag; }
  bool has_error() const { return (flags_ & (cancelled_flag | failed_flag)) != 0; }
  LoopCore* loop() const { return loop_; }

  // Requests a cancel; false where it has ended. A future ends at once, a task when its coroutine does. Nothing of it
  // can fail: where there is no memory for the message, it goes without.
  virtual bool cancel(std::string_view message) noexcept = 0;
  // The exception it ended with, a CancelledError too; null after a value. Counts as a look at it.
  virtual std::exception_ptr outcome_exception() noexcept = 0;

  LinkRing& joiners() { return joiners_; }
  const LinkRing& joiners() const { return joiners_; }
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
    if (!pending()) throw_done(operation);
  }

 protected:
  enum Flag : std::uint8_t {
    done_flag = 1,
    cancelled_flag = 2,
    unretrieved_flag = 4,         // ended with an exception that nobody has looked at
    started_flag = 8,             // the body of the task runs, or has run
    body_ended_flag = 16,         // the outermost coroutine of the task is at its end, or gone
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
  [[noreturn]] void throw_not_copyable() const;

  explicit FutureBase(LoopCore* loop) : loop_(loop) {}
  ~FutureBase() = default;
  virtual void destroy() noexcept = 0;

  // Marks it as done and tells the joiners, in the order in which they came. Which result it has the flags tell from
  // now on: no bit of the list of cancels must be among them.
  void note_value() noexcept {}
  void note_error() noexcept {}
  void complete(std::uint8_t flags) noexcept {
    flags_ = static_cast<std::uint8_t>((flags_ & ~(no_circle_flag | unlisted_flag)) | done_flag | flags);
    if (!joiners_.empty()) tell_joiners();
  }
  // The same for an exception: finds out whether it is a CancelledError, and whether it must be reported.
  void complete_with(const std::exception_ptr& error) noexcept;
  void before_destroy(const std::exception_ptr& error) noexcept {
    if ((flags_ & unretrieved_flag) != 0) [[unlikely]]
      report_never_retrieved(error);
    if (!joiners_.empty()) [[unlikely]]
      drop_callbacks();
  }

  LinkRing joiners_;
  LoopCore* loop_;
  RefCount references_{1};
  std::uint16_t cancels_ = 0;  // Task.cancelling()
  std::uint8_t flags_ = 0;
  std::uint8_t interrupts_ = 0;  // what the next park must look at
  ResultWord word_;

 private:
  void tell_joiners() noexcept;
  void resume_traceback() noexcept;
  void report_never_retrieved(const std::exception_ptr& error) noexcept;
  void drop_callbacks() noexcept;
  [[noreturn]] void throw_pending() const;
  [[noreturn]] void throw_done(const char* operation) const;
};

// The exception of one that has ended, as Future::exception() and Task::exception() give it.
std::exception_ptr exception_of(FutureBase& state);
std::exception_ptr make_cancelled(std::string_view message, const void* source = nullptr) noexcept;
LoopCore& running_loop(const char* operation);  // throws RuntimeError, which names the operation, where none runs

}  // namespace asyncio::inline ASYNCIO_ABI::detail
