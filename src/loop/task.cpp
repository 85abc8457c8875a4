// SPDX-License-Identifier: MIT
#include <asyncio/task.h>

#include <asyncio/detail/passed_on.h>
#include <asyncio/event_loop.h>

#include "base/fork.h"
#include "base/names.h"
#include "base/traceback.h"
#include "loop/cancels.h"
#include "loop/loop_registry.h"
#include "loop/loop_state.h"
#include "loop/report.h"
#include "loop/step_watch.h"
#include "loop/task_extra.h"
#include "loop/traceback_recorder.h"

#include <atomic>
#include <limits>
#include <memory>
#include <new>
#include <utility>

// Theory of operation. A task is parked (it keeps its Waiter), or stands in the ready queue, or runs. A request to
// cancel sets the edge bit of interrupts_. It is delivered to a parked task by interrupt_parked(): the waiter leaves
// its list, and the task is woken with the waiter marked as interrupted, so that the awaiter throws. A task that is not
// parked meets the bit when it parks next. What a wake gave to a task before that is therefore never taken back.
//
// A wait for a task or future is not left: the request is passed on, and the wait ends when the other has ended. Chains
// of such waits may be long, so that requests wait in a list of the loop (cancels.h) and are delivered from there, one
// after the other, never one inside the other.
//
// Nothing of a cancel can fail. Neither can the end of a task: what would need memory then is only what is told of it
// (the message of the cancel, the traceback of the error), and is left out where there is none.

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

// With the frame of a small coroutine, of 48 bytes, these are what a started task takes.
static_assert(sizeof(CoroPromise<int>) == 24 && sizeof(CoroPromise<void>) == 24);
static_assert(sizeof(TaskState<int>) == 80 && sizeof(TaskState<void>) == 80);
static_assert(sizeof(FutureState<int>) == 48 && sizeof(FutureState<void>) == 48);

namespace {
// How many tasks may start eagerly inside each other: the stack is finite.
constexpr unsigned most_eager_starts = 100;
}  // namespace

const WaitKind Waiter::interrupted{"interrupted", nullptr};

void Waiter::throw_interrupted() { task_->throw_interrupt(); }

// The destructors of its ContextVars' values may ask for others, or set them: the task has none any more, or new ones.
void TaskBase::drop_extra() noexcept {
  while (!plain()) {
    TaskExtra* gone = &extra();
    identity_ = static_cast<std::uintptr_t>(gone->number << 1 | 1);
    delete gone;
  }
}

void TaskBase::draw_numbers(LoopCore& loop) noexcept {
  // A loop draws numbers by the block: one program-wide counter would be a locked instruction for each task.
  static constinit std::atomic<std::uint64_t> next{1};
  constexpr std::uint64_t block = 1024;
  loop.task_numbers = next.fetch_add(block, std::memory_order_relaxed);
  loop.task_numbers_end = loop.task_numbers + block;
}

void TaskBase::run() noexcept {
  if (interrupts_ != 0 && (flags_ & started_flag) == 0) [[unlikely]] {
    if ((interrupts_ & edge) != 0) return end_unstarted();
  }
  flags_ |= started_flag;
  step();
}

void TaskBase::run_watched() noexcept {
  const AnyTask task(this);
  const std::source_location function = innermost()->definition();
  StepWatch step(*loop_);
  run();
  if (!step.was_slow()) return;
  step.report([&](ExceptionContext& context) {
    context.message = task.name() + ", in " + describe(function) + ",";
    // The slow part ended where it waits now.
    if (!done()) context.extra = "  until it waited\n" + format(stack_of(*innermost()), "    ");
  });
}

void TaskBase::step() noexcept {
  this_thread.task = this;
  this_thread.awaits.run(word_.innermost->handle());
  if (body_ended()) settle();
  this_thread.task = nullptr;  // not before: the frame that settle() destroys is part of the task
}

void TaskBase::start_eagerly() noexcept {
  // The step of another task, or a callback, is under way below: what belongs to it is put back. Only the depth goes
  // on, because the stack does.
  const ThisThread outer = this_thread;
  this_thread.context = nullptr;
  run_now();
  this_thread = outer;
}

void TaskBase::end_unstarted() noexcept {
  const OnBehalfOf itself(*this);
  // The request is what ends it: were it left, a task that has passed the request on would take it for undelivered.
  interrupts_ &= static_cast<std::uint8_t>(~edge);
  std::exception_ptr error = make_cancelled(cancel_message());
  take_innermost().handle().destroy();
  settle_cancelled(std::move(error));
}

void TaskBase::destroy_pending() noexcept {
  report_made(loop_, "Task was destroyed but it is pending!", [this](ExceptionContext& context) {
    context.task = AnyTask(this);
    context.extra = format(stack_of(*innermost()), "    ");
    if (!context.extra.empty())
      context.extra.insert(0, (flags_ & started_flag) != 0 ? "  it waits\n" : "  it has not started\n");
  });
  leave_wait();
  const OnBehalfOf itself(*this);
  Promise::abandon_chain(take_innermost());
  settle_cancelled(make_cancelled("the event loop was closed"));
}

void TaskBase::leave_wait() noexcept {
  Waiter* const waiter = parked_in();
  if (waiter == nullptr) return;
  waiter->kind_->remove(*waiter);
  keep_nothing();
}

void TaskBase::leave_frames() noexcept {
  leave_wait();
  flags_ |= body_ended_flag;
  settle_cancelled(make_cancelled("the event loop was closed"));
}

void TaskBase::end_with(std::exception_ptr error) noexcept {
  unlink();
  if (auto traceback = take_traceback(error)) {
    try {
      extra().traceback = std::move(traceback);
    } catch (const std::bad_alloc&) {
    }
  }
  complete_with(error);
  error = nullptr;  // the task may be gone after this, and its error is part of it
  release();
}

bool TaskBase::cancel(std::string_view message) noexcept {
  if (done()) {
    mark_retrieved();  // whoever cancels it does not mind how it ended
    return false;
  }
  if (cancels_ != std::numeric_limits<decltype(cancels_)>::max()) ++cancels_;
  if ((interrupts_ & edge) == 0) {
    if (!message.empty() || !plain()) note_cancel_message(message);
    interrupts_ |= edge;
  } else if (!message.empty() && cancel_message().empty()) {
    note_cancel_message(message);  // two requests at once are one, and it says what there is to say
  }
  if (parked_in() != nullptr) interrupt_parked();
  return true;
}

void TaskBase::note_cancel_message(std::string_view message) noexcept {
  try {
    extra().cancel_message = message;
  } catch (...) {
    if (!plain()) extra().cancel_message.clear();
  }
}

std::string_view TaskBase::cancel_message() const noexcept {
  return plain() ? std::string_view() : extra_if_any()->cancel_message;
}

void TaskBase::restore_cancel_request(std::string_view message) noexcept {
  if (cancels_ == 0) return;
  if (!message.empty()) note_cancel_message(message);
  restore_cancel_request();
}

bool TaskBase::request_under_way() const noexcept {
  if (has_cancel_request()) return true;
  const Waiter* const waiter = parked_in();
  return waiter != nullptr && waiter->kind().passed_on != nullptr && waiter->kind().passed_on(*waiter);
}

std::string PassedOn::take(TaskBase& task) noexcept {
  if (!task.take_cancel_request()) {
    by_scope_ = true;
    return {};
  }
  requested_ = true;
  try {
    std::string message(task.cancel_message());
    if (!message.empty()) message_ = message;
    return message;
  } catch (const std::bad_alloc&) {
    return {};  // the request goes on without its text
  }
}

void PassedOn::restore(TaskBase& task) const noexcept {
  if (requested_) task.restore_cancel_request(message_);
}

void PassedOn::raise(TaskBase& task) const {
  if (!requested_) task.throw_interrupt();
  task.take_cancel_request();
  throw cancelled_error(message_);
}

int TaskBase::uncancel() noexcept {
  if (cancels_ > 0 && --cancels_ == 0) interrupts_ &= static_cast<std::uint8_t>(~edge);
  return cancels_;
}

void TaskBase::refuse_parking() {
  Waiter& waiter = *parked_in();
  keep_nothing();
  waiter.kind_->remove(waiter);
  waiter.kind_ = &Waiter::interrupted;
  throw_parents_loop();
}

void TaskBase::look_before_parking() {
  if (refuses_to_wait()) refuse_parking();
  interrupt_parked();
}

void TaskBase::interrupt_parked() noexcept {
  if ((flags_ & queued_flag) == 0) return EventLoop::of(*loop_).state().cancels.add(*this);
  // It has come to this task before, by another way: two requests at once are one. Unless it is the same way, and tasks
  // await each other: then passing it on has no end, and the wait has none either but this one.
  if ((flags_ & passed_on_flag) == 0) return;
  if (awaits_itself()) return interrupt_wait();
  interrupts_ &= static_cast<std::uint8_t>(~edge);
}

void TaskBase::tell_of_cancel() noexcept {
  Waiter* const waiter = parked_in();
  if (waiter == nullptr || waiter->kind_->interrupt == nullptr || interrupts_ == 0) return;
  note_interrupter();
  const bool requested = has_cancel_request();
  if (waiter->kind_->interrupt(*waiter)) {
    interrupt_wait();
  } else if (requested && !has_cancel_request()) {
    flags_ |= passed_on_flag;
  }
}

void TaskBase::interrupt_wait() noexcept {
  Waiter& waiter = *parked_in();
  waiter.kind_->remove(waiter);
  waiter.kind_ = &Waiter::interrupted;
  waiter.wake();
}

TaskBase* TaskBase::awaited_task() const noexcept {
  const Waiter* const waiter = parked_in();
  if (waiter == nullptr || waiter->kind_->awaited == nullptr) return nullptr;
  const FutureBase* awaited = waiter->kind_->awaited(*waiter);
  return awaited != nullptr ? const_cast<TaskBase*>(awaited->as_task()) : nullptr;
}

bool TaskBase::awaits_itself() noexcept {
  // A task that is known to be in no circle is not looked at again during this delivery: nobody begins to wait in it.
  std::size_t most = EventLoop::of(*loop_).state().cancels.size();  // a circle that this task is not part of has no end
  for (TaskBase* task = this; task != nullptr && (task->flags_ & no_circle_flag) == 0 && most > 0; --most) {
    task = task->awaited_task();
    if (task == this) return true;
    if (most == 1) return false;
  }
  for (TaskBase* task = this; task != nullptr && (task->flags_ & (queued_flag | no_circle_flag)) == queued_flag;
       task = task->awaited_task())
    task->flags_ |= no_circle_flag;
  return false;
}

void TaskBase::note_interrupter() noexcept {
  const void* scope = has_cancel_request() ? nullptr : deciding_scope();
  if (!plain()) extra().interrupted_by = scope;  // a task in a scope is not plain
}

void TaskBase::throw_interrupt() {
  if (refuses_to_wait()) throw_parents_loop();
  if (!has_cancel_request()) {
    const void* scope = deciding_scope();
    // What interrupted the wait may have been withdrawn since, a scope by a shield, say. The error comes all the same.
    if (scope == nullptr && !plain()) scope = extra().interrupted_by;
    if (scope != nullptr) throw CancelledError({}, scope);
  }
  interrupts_ &= static_cast<std::uint8_t>(~edge);
  throw cancelled_error(cancel_message());
}

NewTask::~NewTask() {
  if (made_ != nullptr) made_->release();
}

AnyTask NewTask::start() {
  if (made_ != nullptr) throw RuntimeError("NewTask: the task has been started already");
  unsigned& nested = EventLoop::of(*loop_).state().eager_starts;
  const bool eager = options.eager_start.value_or(false) && this_thread.loop == loop_ && nested < most_eager_starts;
  // All that can fail comes before there is a task.
  Context context = options.context != nullptr ? *options.context : Context::current();
  std::unique_ptr<TaskExtra> extra;
  if (options.context != nullptr || !context.empty() || !options.name.empty()) {
    extra = std::make_unique<TaskExtra>();
    if (!options.name.empty()) extra->name = options.name;
    extra->context = std::move(context);
  }
  made_ = &make(eager);
  made_->retain();
  if (extra != nullptr) made_->set_extra(*extra.release());
  if (eager) {
    ++nested;
    made_->start_eagerly();
    --nested;
  }
  return AnyTask(made_);
}

TaskBase& NewTask::start_by_factory() {
  if (loop_->has_task_factory) {
    const TaskFactory factory = EventLoop::of(*loop_).state().task_factory;  // it may set another one
    factory(EventLoop::of(*loop_), *this);
  }
  if (made_ == nullptr) start();
  return *made_;
}

void detail::refuse_task(Promise* body, const std::source_location& site) {
  if (body != nullptr) body->handle().destroy();
  throw_no_running_loop("create_task (" + std::string(site.file_name()) + ":" + std::to_string(site.line()) + ")");
}

Context AnyTask::context() const { return state().extra().context; }

// One that has ended is still there while its frame and its result are destroyed, the latter without a reference.
AnyTask current_task() {
  TaskBase* task = this_thread.task;
  return AnyTask(task != nullptr && task->loop() == this_thread.loop && !task->done() ? task : nullptr);
}

std::vector<AnyTask> all_tasks() {
  std::vector<AnyTask> tasks;
  LoopCore& loop = running_loop("all_tasks");
  for (Link* link = loop.live.next; link != &loop.live; link = link->next)
    tasks.emplace_back(&TaskBase::from_live(*link));
  return tasks;
}

}  // namespace asyncio::inline ASYNCIO_ABI
