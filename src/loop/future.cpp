// SPDX-License-Identifier: MIT
#include <asyncio/future.h>

#include <asyncio/detail/passed_on.h>
#include <asyncio/event_loop.h>
#include <asyncio/outcome.h>

#include "base/exception_abi.h"
#include "base/fork.h"
#include "base/names.h"
#include "base/traceback.h"
#include "loop/loop_registry.h"
#include "loop/loop_state.h"
#include "loop/report.h"
#include "loop/task_extra.h"
#include "loop/traceback_recorder.h"

#include <new>
#include <string>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

namespace {
// Futures may outlive their loop; what is to be called then never is.
bool runs_callbacks(LoopCore* loop) noexcept {
  return loop == this_thread.loop || (is_alive(loop) && !EventLoop::of(*loop).is_closed());
}

void tell(LinkedWaiter& joiner) noexcept {
  if (joiner.kind().joined != nullptr) {
    joiner.kind().joined(joiner);
  } else {
    joiner.wake();
  }
}
}  // namespace

void FutureBase::complete_with(const std::exception_ptr& error) noexcept {
  if (is_cancelled_error(error)) return complete(cancelled_flag);
  if (as_task() != nullptr && is_exit(error)) {
    EventLoop::of(*loop_).state().leave_with(error);
    return complete(failed_flag);
  }
  complete(unretrieved_flag | failed_flag);
}

void FutureBase::tell_joiners() noexcept {
  Link& first = joiners_.pop_front();
  if (joiners_.empty()) return tell(static_cast<LinkedWaiter&>(first));  // there was one, as a rule
  const Ref<FutureBase> self(*this);                                     // whoever is told may drop what it holds
  tell(static_cast<LinkedWaiter&>(first));
  while (!joiners_.empty()) tell(static_cast<LinkedWaiter&>(joiners_.pop_front()));
}

void FutureBase::drop_callbacks() noexcept {
  // Whatever else waits here holds a reference.
  while (!joiners_.empty()) static_cast<DoneCallback&>(static_cast<LinkedWaiter&>(joiners_.pop_front())).destroy();
}

void FutureBase::report_never_retrieved(const std::exception_ptr& error) noexcept {
  LoopCore* loop = is_alive(loop_) ? loop_ : nullptr;  // the handle may have outlived it
  const TaskBase* task = as_task();
  if (task == nullptr) {
    return report_made(loop, "Future exception was never retrieved",
                       [&](ExceptionContext& context) { context.exception = error; });
  }
  Context context;
  // To copy one that is empty may need memory.
  if (const TaskExtra* extra = task->extra_if_any(); extra != nullptr && !extra->context.empty())
    context = extra->context;
  Context::Entered entered(context);
  report_made(loop, "Task exception was never retrieved", [&](ExceptionContext& told) {
    told.exception = error;
    told.extra = "  task: " + name_of(*task) + describe_creation(task->creation(), ", created in ");
    if (const auto traceback = traceback_of(*task)) told.extra += '\n' + format(*traceback, "    ");
  });
}

void FutureBase::throw_pending() const {
  throw InvalidStateError("the result of " + describe(*this) + " is not ready yet: await it, or look at done() first");
}
void FutureBase::throw_done(const char* operation) const {
  throw InvalidStateError(std::string(operation) +
                          (cancelled() ? ": the future is cancelled" : ": the future has a result already"));
}
void FutureBase::throw_not_copyable() const {
  throw RuntimeError(
      "the result of " + describe(*this) +
      " cannot be copied, and was awaited through one of several handles: await an lvalue, which gives a "
      "reference, or let the other handles go first");
}

void detail::require_exception(const std::exception_ptr& error, const char* operation) {
  if (error == nullptr) throw ValueError(std::string(operation) + ": the exception is null; give set_result() a value");
}

std::exception_ptr detail::exception_of(FutureBase& state) {
  state.require_done();
  std::exception_ptr error = state.outcome_exception();
  if (state.cancelled()) std::rethrow_exception(error);
  return error;
}

std::exception_ptr detail::make_cancelled(std::string_view message, const void* source) noexcept {
  return std::make_exception_ptr(cancelled_error(message, source));
}

LoopCore& detail::running_loop(const char* operation) {
  if (this_thread.loop == nullptr) throw_no_running_loop(operation);
  return *this_thread.loop;
}

const WaitKind JoinBase::plain{"await", &JoinBase::leave, &JoinBase::forward, &JoinBase::joined, &JoinBase::awaited};
const WaitKind JoinBase::cancelled_it{
    .reason = "await",
    .remove = &JoinBase::leave,
    .interrupt = &JoinBase::forward,
    .joined = &JoinBase::joined,
    .awaited = &JoinBase::awaited,
    .passed_on = [](const Waiter&) noexcept { return true; },
};
const WaitKind JoinBase::scope_cancelled_it{"await", &JoinBase::leave, &JoinBase::forward, &JoinBase::joined,
                                            &JoinBase::awaited};

void JoinBase::leave(Waiter& waiter) noexcept {
  JoinBase& join = static_cast<JoinBase&>(waiter);
  join.state_->joiners().remove(join);
}
FutureBase* JoinBase::awaited(const Waiter& waiter) noexcept { return static_cast<const JoinBase&>(waiter).state_; }

bool JoinBase::forward(Waiter& waiter) noexcept {
  JoinBase& join = static_cast<JoinBase&>(waiter);
  // It has ended, and is about to tell this one: there is nobody to pass the request on to. It lands at the next wait.
  if (join.state_->done()) return false;
  PassedOn passed;
  const std::string message = passed.take(*join.task_);
  if (passed.requested()) {
    join.kind_ = &cancelled_it;
  } else if (join.kind_ == &plain) {
    join.kind_ = &scope_cancelled_it;
  }
  join.state_->cancel(message);
  return false;
}

void JoinBase::joined(Waiter& waiter) noexcept {
  JoinBase& join = static_cast<JoinBase&>(waiter);
  if (join.kind_ == &cancelled_it) [[unlikely]]
    join.take_back();
  join.wake();
}

// The other has ended: a request that it took no notice of is this task's again.
void JoinBase::take_back() noexcept {
  if (state_->has_cancel_request()) task_->restore_cancel_request(state_->as_task()->cancel_message());
}

void detail::refuse_join(const FutureBase& state) {
  const std::string waiting = describe(*this_thread.task);
  if (&state == this_thread.task) throw RuntimeError(waiting + " cannot await itself");
  throw RuntimeError(describe_stranger(state) + " belongs to another event loop than " + waiting +
                     ", which awaits it: run_coroutine_threadsafe() is the way to another loop");
}

void JoinBase::check_forwarded() {
  if (was_interrupted()) task_->throw_interrupt();  // tasks awaited each other
  // The error is the scope's, and must say so: the one in the result has no source.
  if (kind_ == &scope_cancelled_it && state_->cancelled()) task_->throw_interrupt();
}

const WaitKind Ended::kind{
    .reason = "wait",
    .remove =
        [](Waiter& waiter) noexcept {
          Ended& ended = static_cast<Ended&>(waiter);
          ended.state_->joiners().remove(ended);
        },
    .awaited = [](const Waiter& waiter) noexcept { return static_cast<const Ended&>(waiter).state_.get(); },
};

const WaitKind DoneCallback::kind{"done callback", nullptr, nullptr, &DoneCallback::schedule};

DoneCallback::DoneCallback(FutureBase& subject, Context context)
    : LinkedWaiter(kind), subject_(&subject), context_(std::move(context)) {}

DoneCallback::~DoneCallback() { leave_loop(); }

// It is in the lists of the loop only while that exists.
void DoneCallback::leave_loop() noexcept {
  if (LoopCallbackLink::alone()) return;
  LoopCallbackLink::unlink();
  EventLoop::of(*subject_->loop()).state().done_callbacks.remove(*this);
}

void DoneCallback::drop_all(LoopCore& loop) noexcept {
  while (!loop.callbacks.alone()) {
    DoneCallback& callback = static_cast<DoneCallback&>(static_cast<LoopCallbackLink&>(*loop.callbacks.next));
    callback.subject_->joiners().remove(static_cast<LinkedWaiter&>(callback));
    callback.destroy();
  }
}

void DoneCallback::schedule(Waiter& waiter) noexcept {
  DoneCallback& callback = static_cast<DoneCallback&>(waiter);
  callback.leave_loop();
  if (!runs_callbacks(callback.subject_->loop())) {
    callback.destroy();
    return;
  }
  callback.subject_->retain();
  callback.subject_->loop()->ready.push(callback);
}

void DoneCallback::run() noexcept {
  run_reporting(subject_->loop(), context_, "Exception in a done callback", [this] { call(); });
  drop();
}

void DoneCallback::drop() noexcept {
  FutureBase& subject = *subject_;
  Context context = std::move(context_);
  Context::Entered entered(context);  // for the result, too, that may go
  delete this;
  subject.release();
}

void DoneCallback::destroy() noexcept {
  leave_loop();  // first: what the callable holds may want to remove it as well
  Context context = std::move(context_);
  Context::Entered entered(context);
  delete this;
}

std::uint64_t detail::add_done_callback(FutureBase& subject, DoneCallback& callback) noexcept {
  static constinit thread_local std::uint64_t tokens = 0;
  const std::uint64_t token = ++tokens;
  callback.token_ = token;
  if (subject.done()) {
    DoneCallback::schedule(callback);
  } else if (runs_callbacks(subject.loop())) {
    subject.joiners().push_back(static_cast<LinkedWaiter&>(callback));
    subject.loop()->callbacks.push_back(static_cast<LoopCallbackLink&>(callback));
    EventLoop::of(*subject.loop()).state().done_callbacks.add(callback);
  } else {
    callback.destroy();
  }
  return token;
}

bool detail::remove_done_callback(FutureBase& subject, std::uint64_t token) {
  require_own_thread(subject.loop(), "remove_done_callback");
  if (!runs_callbacks(subject.loop())) return false;  // the loop has dropped them
  DoneCallback* callback = EventLoop::of(*subject.loop()).state().done_callbacks.find(token);
  if (callback == nullptr || callback->subject_ != &subject) return false;
  subject.joiners().remove(static_cast<LinkedWaiter&>(*callback));
  callback->destroy();
  return true;
}

void DoneCallbacks::add(DoneCallback& callback) noexcept {
  if (++count_ > bucket_count_) grow();
  DoneCallback*& first = bucket(callback.token_);
  callback.next_of_bucket_ = first;
  first = &callback;
}

void DoneCallbacks::remove(DoneCallback& callback) noexcept {
  --count_;
  DoneCallback** place = &bucket(callback.token_);
  while (*place != &callback) place = &(*place)->next_of_bucket_;
  *place = callback.next_of_bucket_;
}

DoneCallback* DoneCallbacks::find(std::uint64_t token) noexcept {
  DoneCallback* callback = bucket(token);
  while (callback != nullptr && callback->token_ != token) callback = callback->next_of_bucket_;
  return callback;
}

// Where there is no memory for more buckets, those that are there get longer.
void DoneCallbacks::grow() noexcept {
  const std::size_t old_count = bucket_count_;
  std::unique_ptr<DoneCallback*[]> more(new (std::nothrow) DoneCallback*[old_count * 2]());
  if (more == nullptr) return;
  const std::unique_ptr<DoneCallback*[]> old = std::exchange(buckets_, std::move(more));
  DoneCallback* only = std::exchange(only_bucket_, nullptr);
  bucket_count_ = old_count * 2;
  for (std::size_t i = 0; i < old_count; ++i) {
    for (DoneCallback* callback = old != nullptr ? old[i] : only; callback != nullptr;) {
      DoneCallback* after = callback->next_of_bucket_;
      DoneCallback*& first = bucket(callback->token_);
      callback->next_of_bucket_ = first;
      first = callback;
      callback = after;
    }
  }
}

}  // namespace asyncio::inline ASYNCIO_ABI
