// SPDX-License-Identifier: MIT
#include <asyncio/run.h>

#include <asyncio/sleep.h>

#include "base/exception_abi.h"
#include "loop/loop_state.h"
#include "loop/report.h"
#include "loop/task_extra.h"
#include "loop/traceback_recorder.h"

#include <cstdio>
#include <memory>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

namespace {
// Rounds of cancelling before tasks that start new ones in their cleaning up are left to the loop's close().
constexpr int most_shutdown_rounds = 100;
constexpr std::chrono::seconds longest_executor_shutdown(300);

}  // namespace

Runner::~Runner() {
  const std::unique_ptr<EventLoop> owned(loop_);
  if (loop_ != nullptr && loop_->is_running()) return;  // a global, and std::exit() in the loop: see ~EventLoop()
  try {
    close();
  } catch (...) {
    report_current(nullptr, "Exception while closing a Runner");
  }
}

EventLoop& Runner::get_loop() {
  if (closed_) throw RuntimeError("the Runner is closed");
  if (loop_ == nullptr) {
    loop_ = options_.loop_factory
                ? options_.loop_factory()
                : new EventLoop({.backend = options_.backend, .debug = options_.debug, .clock = options_.clock});
    if (loop_ == nullptr) throw RuntimeError("run(): the loop_factory gave no loop");
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
      const TaskExtra* extra = task.state().extra_if_any();
      if (wanted && context.empty() && extra != nullptr && !extra->context.empty()) context = extra->context;
    }
  } keep_context{context_, task, in_own_context};
  EventLoop::State& state = loop_->state();
  Signals& signals = Signals::of(*loop_);
  unsigned interrupts = 0;
  signals.watch_interrupts([&](unsigned count) {
    const bool first = interrupts == 0;
    interrupts += count;
    interrupted_ = true;
    if (interrupts > 1 || task.done()) state.leave_with(std::make_exception_ptr(KeyboardInterrupt()));
    if (first) task.cancel();  // last, because it may run code that puts a handler of its own in the place of this
  });
  struct Watch {
    Signals& signals;
    ~Watch() { signals.unwatch_interrupts(); }
  } watch{signals};

  loop_->run_until_done(task.state());
  task.state().mark_retrieved();
  if (task.state().failed()) keep_for_terminate(task.state().outcome_exception(), traceback_of(task.state()));
  const bool cancelled_it = interrupts > 0;
  interrupts += signals.unwatch_interrupts();
  if (interrupts > 1) throw KeyboardInterrupt();
  if (cancelled_it && task.cancelled() && task.uncancel() == 0) throw KeyboardInterrupt();
}

// Runs the loop until the future has ended, whoever wants to stop or leave it meanwhile.
std::exception_ptr Runner::run_to_end(FutureBase& future) {
  std::exception_ptr first;
  while (!future.done()) {
    try {
      loop_->state().run_until(future);
    } catch (...) {
      const std::exception_ptr error = std::current_exception();
      if (!is_exit(error)) throw;
      if (first == nullptr) first = error;
    }
  }
  return first;
}

std::exception_ptr Runner::cancel_all_tasks() {
  std::exception_ptr first;
  for (int round = 0; !core_of(*loop_).live.alone(); ++round) {
    if (round == most_shutdown_rounds) {
      report(&core_of(*loop_), {.message = "tasks keep starting new tasks during the shutdown of run(); giving up"});
      break;
    }
    std::vector<AnyTask> tasks;
    Link& live = core_of(*loop_).live;
    for (Link* link = live.next; link != &live; link = link->next) tasks.emplace_back(&TaskBase::from_live(*link));
    {
      Cancels::Batch together(core_of(*loop_));  // they may await each other
      for (const AnyTask& task : tasks) task.cancel();
    }
    for (const AnyTask& task : tasks) {
      std::exception_ptr exit = run_to_end(task.state());
      if (first == nullptr) first = std::move(exit);
    }
    for (const AnyTask& task : tasks) {
      if (task.cancelled()) continue;
      if (std::exception_ptr error = task.exception(); error != nullptr && !is_exit(error))
        report(&core_of(*loop_),
               {.message = "unhandled exception during run() shutdown", .exception = error, .task = task});
    }
  }
  return first;
}

std::exception_ptr Runner::shut_down() {
  std::exception_ptr first = cancel_all_tasks();
  LoopThreads* const threads = loop_->state().threads;
  if (threads == nullptr || !threads->may_be_busy()) return first;
  loop_->set_task_factory({});  // what it makes of a task may never end
  const Task<> ended = loop_->create_task(threads->shut_down(longest_executor_shutdown));
  std::exception_ptr exit = run_to_end(ended.state());
  if (first == nullptr) first = std::move(exit);
  ended.state().retrieve();
  // What the last results of the threads have set going.
  exit = cancel_all_tasks();
  if (first == nullptr) first = std::move(exit);
  ended.result();
  return first;
}

// Who has pressed Ctrl-C, perhaps twice, and sees the program go on, is told why, and what to do.
void Runner::tell_of_threads() const noexcept {
  const LoopThreads* const threads = loop_->state().threads;
  const std::size_t calls = interrupted_ && threads != nullptr ? threads->unfinished() : 0;
  if (calls == 0) return;
  std::fprintf(
      stderr,
      "asyncio: interrupted, and waiting for %zu call%s in threads (to_thread(), run_in_executor()); Ctrl-C once "
      "more ends the program at once\n",
      calls, calls == 1 ? "" : "s");
}

void Runner::close() { close_after(nullptr); }

void Runner::close_after(std::exception_ptr error) {
  if (loop_ != nullptr && loop_->is_running()) throw RuntimeError("a Runner cannot be closed while its loop runs");
  if (std::exchange(closed_, true) || loop_ == nullptr) return;
  EventLoop::State& state = loop_->state();
  if (state.forked()) return loop_->close();
  std::exception_ptr exit;
  std::exception_ptr other;
  tell_of_threads();
  try {
    exit = shut_down();
  } catch (...) {
    other = std::current_exception();
  }
  if (exit != nullptr && error != nullptr && !is_exit(error))
    report(&core_of(*loop_),
           {.message = "unhandled exception of run(), which ends with an exit instead", .exception = error});
  loop_->close();
  if (exit == nullptr) exit = std::exchange(state.exit, nullptr);  // of an exception handler
  if (is_exit(error)) return;
  if (exit != nullptr) std::rethrow_exception(exit);
  if (other == nullptr) return;
  if (error == nullptr) std::rethrow_exception(other);
  report(nullptr, {.message = "Exception while closing the loop of run()", .exception = other});
}

}  // namespace asyncio::inline ASYNCIO_ABI
