// SPDX-License-Identifier: MIT
#include <asyncio/task.h>

#include <asyncio/event_loop.h>

#include "core/loop_state.h"
#include "core/report.h"
#include "core/task_extra.h"

#include <atomic>

// Theory of operation. A task is parked (waiter_ is set), or stands in the ready queue, or runs. A request to cancel sets
// the edge bit of interrupts_. It is delivered to a parked task by interrupt_parked(): the waiter leaves its list, and
// the task is woken with the waiter marked as interrupted, so that the awaiter throws. A task that is not parked meets
// the bit when it parks next. What a wake gave to a task before that is therefore never taken back.
//
// A wait for a task or future is not left: the request is passed on, and the wait ends when the other has ended. Chains
// of such waits may be long, so that requests wait in a list of the loop (cancels) and are delivered from there, one
// after the other, never one inside the other.

namespace asyncio::inline ASYNCIO_ABI {

const WaitKind Waiter::interrupted{"interrupted", nullptr};

void Waiter::throw_interrupted() { task_->throw_interrupt(); }

TaskBase::~TaskBase() {
  if (!plain()) delete &extra();
}

TaskExtra& TaskBase::extra() {
  if (plain()) {
    auto* made = new TaskExtra{.number = static_cast<std::uint64_t>(identity_ >> 1)};
    identity_ = reinterpret_cast<std::uintptr_t>(made);
  }
  return *reinterpret_cast<TaskExtra*>(identity_);
}

const TaskExtra* TaskBase::extra_if_any() const {
  return plain() ? nullptr : reinterpret_cast<const TaskExtra*>(identity_);
}

std::uint64_t TaskBase::number() const { return plain() ? identity_ >> 1 : extra_if_any()->number; }

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

void TaskBase::step() noexcept {
  this_thread.task = this;
#if ASYNCIO_SYMMETRIC_TRANSFER
  innermost_->handle().resume();
#else
  Promise* next = innermost_;
  do {
    this_thread.next = nullptr;
    next->handle().resume();
    next = this_thread.next;
  } while (next != nullptr);
#endif
  this_thread.task = nullptr;
  if ((flags_ & body_ended_flag) != 0) settle();
}

void TaskBase::end_unstarted() noexcept {
  std::exception_ptr error = make_cancelled(cancel_message());
  innermost_->handle().destroy();
  settle_cancelled(std::move(error));
}

void TaskBase::destroy_pending() noexcept {
  report(loop_, {.message = "Task was destroyed but it is pending!", .task = AnyTask(this)});
  if (waiter_ != nullptr) waiter_->kind_->remove(*waiter_);
  waiter_ = nullptr;
  Promise::abandon_chain(*innermost_);
  settle_cancelled(make_cancelled("the event loop was closed"));
}

void TaskBase::end_with(const std::exception_ptr& error) noexcept {
  innermost_ = nullptr;
  unlink();
  complete_with(error);
  release();
}

bool TaskBase::cancel(std::string_view message) {
  if (done()) return false;
  ++cancels_;
  if ((interrupts_ & edge) == 0) {
    if (!message.empty() || !plain()) extra().cancel_message = message;
    interrupts_ |= edge;
  }
  if (waiter_ != nullptr) interrupt_parked();
  return true;
}

std::string_view TaskBase::cancel_message() const {
  return plain() ? std::string_view() : extra_if_any()->cancel_message;
}

int TaskBase::uncancel() noexcept {
  if (cancels_ > 0 && --cancels_ == 0) interrupts_ &= static_cast<std::uint8_t>(~edge);
  return cancels_;
}

void TaskBase::interrupt_parked() {
  std::vector<TaskBase*>& cancels = EventLoop::of(*loop_).state().cancels;
  if ((flags_ & queued_flag) != 0) return;
  flags_ |= queued_flag;
  cancels.push_back(this);
  if (cancels.size() > 1) return;  // a delivery is under way below us on the stack, and comes to this one
  for (std::size_t i = 0; i < cancels.size(); ++i) {
    TaskBase& task = *cancels[i];
    task.flags_ &= static_cast<std::uint8_t>(~queued_flag);
    Waiter* waiter = task.waiter_;
    if (waiter == nullptr || waiter->kind_->interrupt == nullptr || !waiter->kind_->interrupt(*waiter)) continue;
    waiter->kind_->remove(*waiter);
    waiter->kind_ = &Waiter::interrupted;
    waiter->wake();
  }
  cancels.clear();
}

void TaskBase::throw_interrupt() {
  if ((interrupts_ & edge) != 0 || (interrupts_ & level) == 0) {
    interrupts_ &= static_cast<std::uint8_t>(~edge);
    throw CancelledError(std::string(cancel_message()));
  }
  throw CancelledError({}, extra().scope);
}

void apply_options(TaskBase& task, const TaskOptions& options) {
  if (options.context != nullptr) {
    task.extra().context = *options.context;
  } else if (Context inherited = Context::current(); !inherited.empty()) {
    task.extra().context = std::move(inherited);
  }
  if (!options.name.empty()) task.extra().name = options.name;
}

void refuse_task(Promise* body) {
  if (body != nullptr) body->handle().destroy();
  running_loop();
  std::terminate();  // not reached: running_loop() throws
}

std::string AnyTask::name() const {
  const TaskExtra* extra = state_->extra_if_any();
  if (extra != nullptr && !extra->name.empty()) return extra->name;
  return "Task-" + std::to_string(state_->number());
}

void AnyTask::set_name(std::string_view name) const { state_->extra().name = name; }

Context AnyTask::context() const {
  const TaskExtra* extra = state_->extra_if_any();
  return extra != nullptr ? extra->context : Context();
}

AnyTask current_task() { return AnyTask(this_thread.task); }

std::vector<AnyTask> all_tasks() {
  std::vector<AnyTask> tasks;
  LoopCore& loop = running_loop();
  for (Link* link = loop.live.next; link != &loop.live; link = link->next)
    tasks.emplace_back(&TaskBase::from_live(*link));
  return tasks;
}

}  // namespace asyncio::inline ASYNCIO_ABI
