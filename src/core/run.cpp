// SPDX-License-Identifier: MIT
#include <asyncio/run.h>

#include <asyncio/sleep.h>

#include "core/loop_state.h"
#include "core/report.h"
#include "core/task_extra.h"
#include "core/traceback.h"

namespace asyncio::inline ASYNCIO_ABI {

namespace {
// Rounds of cancelling before tasks that start new ones in their cleaning up are left to the loop's close().
constexpr int most_shutdown_rounds = 100;
constexpr std::chrono::seconds longest_executor_shutdown(300);

Coro<> wait_for_all(std::vector<AnyTask> tasks) {
  for (const AnyTask& task : tasks) co_await Ended(*task.state());
}

void cancel_all_tasks(EventLoop& loop) {
  for (int round = 0; !loop.live.alone(); ++round) {
    if (round == most_shutdown_rounds) {
      report(&loop, {.message = "tasks keep starting new tasks during the shutdown of run(); giving up"});
      return;
    }
    std::vector<AnyTask> tasks;
    for (Link* link = loop.live.next; link != &loop.live; link = link->next)
      tasks.emplace_back(&TaskBase::from_live(*link));
    {
      Cancels::Batch together(loop);  // they may await each other
      for (const AnyTask& task : tasks) task.cancel();
    }
    loop.run_until_complete(wait_for_all(tasks));
    for (const AnyTask& task : tasks) {
      if (task.cancelled()) continue;
      if (std::exception_ptr error = task.exception()) {
        report(&loop, {.message = "unhandled exception during run() shutdown", .exception = error, .task = task});
      }
    }
  }
}
}  // namespace

Runner::~Runner() {
  try {
    close();
  } catch (...) {
    report_current(nullptr, "Exception while closing a Runner");
  }
}

EventLoop& Runner::get_loop() {
  if (closed_) throw RuntimeError("the Runner is closed");
  if (loop_ == nullptr) {
    loop_ = options_.loop_factory != nullptr
                ? options_.loop_factory()
                : std::make_unique<EventLoop>(
                      LoopOptions{.backend = options_.backend, .debug = options_.debug, .clock = options_.clock});
    context_ = Context::current();
  }
  return *loop_;
}

void Runner::prepare() {
  if (this_thread.loop != nullptr) throw RuntimeError("run() cannot be called while an event loop runs in this thread");
  get_loop();
}

void Runner::run_main(const AnyTask& task, bool in_own_context) {
  // What it sets is there in the next run. A task that sets nothing is spared a context.
  struct KeepContext {
    Context& context;
    const AnyTask& task;
    bool wanted;
    ~KeepContext() {
      const TaskExtra* extra = task.state()->extra_if_any();
      if (wanted && context.empty() && extra != nullptr && !extra->context.empty()) context = extra->context;
    }
  } keep_context{context_, task, in_own_context};
  EventLoop::State& state = loop_->state();
  if (state.signals == nullptr) state.signals = std::make_unique<Signals>(*loop_, *state.backend);
  unsigned interrupts = 0;
  state.signals->watch_interrupts([&](unsigned count) {
    if (interrupts == 0) task.cancel();
    interrupts += count;
    if (interrupts > 1 || task.done()) state.leave_with(std::make_exception_ptr(KeyboardInterrupt()));
  });
  struct Watch {
    Signals& signals;
    ~Watch() { signals.unwatch_interrupts(); }
  } watch{*state.signals};

  loop_->run_until_done(*task.state());
  task.state()->mark_retrieved();
  if (task.state()->failed()) keep_for_terminate(task.state()->outcome_exception(), traceback_of(*task.state()));
  const bool cancelled_it = interrupts > 0;
  interrupts += state.signals->unwatch_interrupts();
  if (interrupts > 1) throw KeyboardInterrupt();
  if (cancelled_it && task.cancelled() && task.uncancel() == 0) throw KeyboardInterrupt();
}

void Runner::close() {
  if (loop_ != nullptr && loop_->is_running()) throw RuntimeError("a Runner cannot be closed while its loop runs");
  if (std::exchange(closed_, true) || loop_ == nullptr) return;
  // The loop is closed even where one of the other steps throws.
  struct Closer {
    EventLoop& loop;
    ~Closer() { loop.close(); }
  } closer{*loop_};
  if (loop_->state().parents) return;
  cancel_all_tasks(*loop_);
  if (loop_->state().executor != nullptr) {
    loop_->run_until_complete(loop_->shutdown_default_executor(longest_executor_shutdown));
  }
}

}  // namespace asyncio::inline ASYNCIO_ABI
