// SPDX-License-Identifier: MIT
#include <asyncio/task_group.h>

#include <asyncio/event_loop.h>

#include "base/exception_abi.h"
#include "loop/cancels.h"
#include "loop/report.h"
#include "loop/traceback_recorder.h"
#include "structured/task_errors.h"

#include <memory>
#include <new>

// Theory of operation. A group stands among the joiners of each of its tasks with a TaskGroupChild, and so learns of
// the end of a task in the moment in which it comes. The first failure aborts the group: the other tasks are cancelled,
// and the body too if it still runs, by an ordinary request to cancel the parent. The exit takes that request back
// before it waits, so that what arrives from then on is somebody else's. While it waits, a cancel does not end the
// wait: it is remembered, aborts the group, and is thrown when the last child has ended.

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

namespace {
struct MemberLink : Link {};
}  // namespace

// A task of a group that has not ended, or has failed: in the list of its group, and among the joiners of the task.
class detail::TaskGroupChild final : public LinkedWaiter, private MemberLink {
 public:
  TaskGroupChild(TaskGroup& owner, TaskBase& child) : LinkedWaiter(kind), group(owner), task(child) {
    task_ = owner.parent_.get();  // which is who waits, to those that look at the joiners
    owner.children_.push_back(static_cast<MemberLink&>(*this));
  }
  ~TaskGroupChild() {
    task.joiners().remove(static_cast<LinkedWaiter&>(*this));
    static_cast<MemberLink&>(*this).unlink();
    if (keeps_task_) task.release();
  }
  static void* operator new(std::size_t size) { return FramePool::get(size); }
  static void operator delete(void* memory, std::size_t size) noexcept { FramePool::put(memory, size); }

  static TaskGroupChild& from(Link& link) { return static_cast<TaskGroupChild&>(static_cast<MemberLink&>(link)); }

  // Of a task that has ended: the loop keeps only the others.
  void keep_task() noexcept {
    if (!std::exchange(keeps_task_, true)) task.retain();
  }

  // Its task has failed: it goes from the children to the failed ones, and keeps the task, which has the error. To make
  // a note of the error would need memory, and there may be none.
  void move_to_failed() noexcept {
    keep_task();
    static_cast<MemberLink&>(*this).unlink();
    group.failed_.push_back(static_cast<MemberLink&>(*this));
  }

  TaskGroup& group;
  TaskBase& task;
  StartWait* starter = nullptr;  // set until the task is started: what it ends with is told to this one, not the group

 private:
  static const WaitKind kind;

  bool keeps_task_ = false;
};

const WaitKind TaskGroupChild::kind{
    .reason = "TaskGroup",
    .remove = nullptr,
    .interrupt = nullptr,
    .joined =
        [](Waiter& waiter) noexcept {
          TaskGroupChild& child = static_cast<TaskGroupChild&>(waiter);
          child.group.child_ended(child);
        },
};

// The exit of a group, until it has no child.
class TaskGroup::AllEnded : public Waiter {
 public:
  explicit AllEnded(TaskGroup& group) : Waiter(kind), group_(group) {}

  bool await_ready() const { return group_.children_.alone(); }
  template <class P>
  void await_suspend(std::coroutine_handle<P> self) {
    group_.waiting_ = this;
    park(self);
  }
  void await_resume() const {}

 private:
  static const WaitKind kind;

  static bool interrupt(Waiter& waiter) noexcept {
    TaskGroup& group = static_cast<AllEnded&>(waiter).group_;
    TaskBase& parent = *waiter.task();
    group.passed_.take(parent);
    if (group.passed_.requested()) {
      group.interruption_ = make_cancelled(group.passed_.message());
    } else if (group.interruption_ == nullptr) {
      group.interruption_ = make_cancelled({}, parent.deciding_scope());
    }
    if (!group.aborting_) group.abort();
    return false;
  }

  TaskGroup& group_;
};

const WaitKind TaskGroup::AllEnded::kind{
    .reason = "TaskGroup.exit",
    .remove = [](Waiter& waiter) noexcept { static_cast<AllEnded&>(waiter).group_.waiting_ = nullptr; },
    .interrupt = &interrupt,
    .passed_on =
        [](const Waiter& waiter) noexcept { return static_cast<const AllEnded&>(waiter).group_.passed_.requested(); },
};

TaskGroup::~TaskGroup() {
  // There are children only where the loop was closed in the middle of the block.
  while (!children_.alone()) delete &TaskGroupChild::from(*children_.next);
  while (!failed_.alone()) delete &TaskGroupChild::from(*failed_.next);
}

void TaskGroup::enter_now() {
  if (phase_ != Phase::unused) throw RuntimeError("a TaskGroup can be entered only once");
  if (this_thread.task == nullptr) throw RuntimeError("a TaskGroup must be entered in a task");
  phase_ = Phase::body;
  parent_ = Ref<TaskBase>(*this_thread.task);
  requests_at_entry_ = parent_->cancelling() - (parent_->has_cancel_request() ? 1 : 0);
  if (aborting_) cancel_body();
}

void TaskGroup::refuse() const {
  if (active()) require_own_thread(parent_->loop(), "TaskGroup.create_task");
  if (phase_ == Phase::unused) throw RuntimeError("create_task: the TaskGroup has not been entered");
  if (phase_ == Phase::over || !active()) throw RuntimeError("create_task: the TaskGroup is over");
  if (aborting_) throw RuntimeError("create_task: the TaskGroup is being cancelled");
  throw RuntimeError("create_task: the TaskGroup belongs to another event loop");
}

TaskGroupChild* TaskGroup::adopt(const AnyTask& handle) try {
  TaskBase& task = handle.state();
  if (!task.done()) {
    auto* child = new TaskGroupChild(*this, task);
    task.joiners().push_back(static_cast<LinkedWaiter&>(*child));
    if (aborting_) task.cancel({});  // it was started eagerly, and has aborted the group in its first step
    return child;
  }
  // It was started eagerly, and has ended in that. A failure is dealt with in the loop's turn, as it is for other
  // tasks, so that create_task() never has the group aborted when it returns.
  if (task.cancelled() || task.outcome_exception() == nullptr) return nullptr;
  auto child = std::make_unique<TaskGroupChild>(*this, task);
  child->keep_task();
  EventLoop::of(*task.loop()).call_soon([child = child.get(), handle] { child->group.child_ended(*child); });
  return child.release();
} catch (const std::bad_alloc&) {
  handle.cancel();  // it must not run without anybody who looks after it
  throw;
}

void TaskGroup::child_ended(TaskGroupChild& child) noexcept {
  if (StartWait* starter = child.starter) {
    delete &child;
    starter->child_ = nullptr;
    starter->wake();
  } else if (child.task.failed()) {
    failed(child);
  } else {
    delete &child;
  }
  if (waiting_ != nullptr && children_.alone()) std::exchange(waiting_, nullptr)->wake();
}

void TaskGroup::failed(TaskGroupChild& child) noexcept {
  const std::exception_ptr error = child.task.outcome_exception();
  if (!is_exit(error)) {
    child.move_to_failed();
  } else {
    if (exit_error_ == nullptr) exit_error_ = error;
    delete &child;
  }
  if (!aborting_) abort();
}

void TaskGroup::abort() noexcept {
  aborting_ = true;
  Cancels::Batch together(*parent_->loop());  // they may await each other
  for (Link* link = children_.next; link != &children_; link = link->next) TaskGroupChild::from(*link).task.cancel({});
  if (phase_ == Phase::body) cancel_body();
}

void TaskGroup::cancel() {
  if (active()) require_own_thread(parent_->loop(), "TaskGroup.cancel");
  if (aborting_ || phase_ == Phase::over) return;
  if (phase_ != Phase::unused && !active()) return;
  if (phase_ == Phase::unused) {
    aborting_ = true;
  } else {
    abort();
  }
}

void TaskGroup::cancel_body() noexcept {
  body_cancelled_ = true;
  request_pending_before_ = parent_->request_under_way();
  requests_before_ours_ = parent_->cancelling();
  parent_->cancel({});
}

void TaskGroup::take_back_cancel_of_body() noexcept {
  if (!body_cancelled_) return;
  // uncancel() withdraws an undelivered request only where it was the last one. Ours must not be left behind either
  // where an older one, delivered long ago, is still counted.
  if (!request_pending_before_ && parent_->cancelling() == requests_before_ours_ + 1) parent_->take_cancel_request();
  parent_->uncancel();
}

Coro<bool> TaskGroup::exit(std::exception_ptr error) {
  if (!parent_ || parent_.get() != this_thread.task || phase_ != Phase::body)
    throw RuntimeError("a TaskGroup must be left by the task that has entered it");
  TaskBase& parent = *parent_;
  take_back_cancel_of_body();
  phase_ = Phase::exiting;

  bool cancelled = false;   // the body was, and
  bool requested = false;   // it was by somebody's cancel() of the parent
  bool suppressed = false;  // it was by the group alone
  bool failed = false;
  std::string message;  // of the request
  std::shared_ptr<const Traceback> traceback;
  if (error != nullptr) {
    try {
      std::rethrow_exception(error);
    } catch (const CancelledError& e) {
      cancelled = true;
      suppressed = body_cancelled_ && e.source() == nullptr && parent.cancelling() <= requests_at_entry_;
      requested = !suppressed && e.source() == nullptr;
      if (requested) message = e.message();
    } catch (...) {
      failed = true;
      traceback = traceback_in_flight(error);
      if (is_exit(error) && exit_error_ == nullptr) exit_error_ = error;
    }
    if (!aborting_) abort();
  }

  co_await AllEnded(*this);

  phase_ = Phase::over;
  parent_.reset();
  TaskErrors errors;
  while (!failed_.alone()) {
    TaskGroupChild& child = TaskGroupChild::from(*failed_.next);
    errors.add(child.task.outcome_exception(), traceback_of(child.task));
    delete &child;
  }
  if (failed && !is_exit(error)) errors.add(error, std::move(traceback));
  const std::exception_ptr exit_error = std::exchange(exit_error_, nullptr);
  const std::exception_ptr interruption = std::exchange(interruption_, nullptr);

  if ((requested || passed_.requested()) && (exit_error != nullptr || !errors.empty()))
    parent.restore_cancel_request(passed_.message().empty() ? message : passed_.message());
  if (exit_error != nullptr) {
    for (const std::exception_ptr& lost : errors.errors())
      report(parent.loop(), {.message = "unhandled error in a TaskGroup that ends with SystemExit or KeyboardInterrupt",
                             .exception = lost});
    std::rethrow_exception(exit_error);
  }
  if (!errors.empty()) throw std::move(errors).to_group("unhandled errors in a TaskGroup");
  // Of two cancels the one that was requested goes on: the error of a scope would end there, and its own comes again.
  if (interruption != nullptr && (passed_.requested() || !cancelled || suppressed) && !requested)
    std::rethrow_exception(interruption);
  co_return suppressed;
}

void TaskGroup::start_task(StartWait& start, Coro<> body) {
  if (!accepts()) {
    body.close();
    refuse();
  }
  start.started_task_ = asyncio::create_task(std::move(body));
  if (start.started_) {
    adopt(start.started_task_);
  } else if (!start.started_task_.done()) {
    start.child_ = adopt(start.started_task_);
    start.child_->starter = &start;
  }  // else its end is what start() has to tell, and nothing that the group waits for
}

const WaitKind StartWait::kind{
    .reason = "TaskGroup.start",
    .remove =
        [](Waiter& waiter) noexcept {
          StartWait& start = static_cast<StartWait&>(waiter);
          if (TaskGroupChild* child = std::exchange(start.child_, nullptr)) child->starter = nullptr;
        },
    .interrupt = &StartWait::forward,
    .awaited = [](const Waiter& waiter) noexcept -> FutureBase* {
      return &static_cast<const StartWait&>(waiter).started_task_.state();
    },
    .passed_on =
        [](const Waiter& waiter) noexcept { return static_cast<const StartWait&>(waiter).passed_.requested(); },
};

StartWait::~StartWait() {
  if (teller_ != nullptr) teller_->start_ = nullptr;
}

StartWait* StartedBase::take_start() {
  if (std::exchange(called_, true)) throw RuntimeError("started() was called twice");
  StartWait* const start = std::exchange(start_, nullptr);
  if (start != nullptr) start->teller_ = nullptr;
  return start;
}

bool StartWait::forward(Waiter& waiter) noexcept {
  StartWait& start = static_cast<StartWait&>(waiter);
  const std::string message = start.passed_.take(*start.task_);
  start.started_task_.cancel(message);
  return false;
}

void StartWait::started() noexcept {
  started_ = true;
  if (child_ == nullptr) return;  // in an eager first step: the caller is still about to wait
  std::exchange(child_, nullptr)->starter = nullptr;
  wake();
}

void StartWait::await_resume() {
  if (was_interrupted()) passed_.raise(*task_);  // tasks awaited each other
  if (started_) {
    if (passed_.any()) passed_.restore(*task_);  // else it may never have waited
    return;
  }
  if (started_task_.cancelled()) {
    if (passed_.any()) passed_.raise(*task_);
    throw RuntimeError("TaskGroup.start: the task was cancelled before it called started()");
  }
  if (started_task_.state().has_cancel_request()) passed_.restore(*task_);
  if (std::exception_ptr error = started_task_.exception()) {
    started_task_.state().retrieve();
    std::rethrow_exception(error);
  }
  throw RuntimeError("TaskGroup.start: the task returned before it called started()");
}

}  // namespace asyncio::inline ASYNCIO_ABI
