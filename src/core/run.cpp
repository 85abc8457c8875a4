// SPDX-License-Identifier: MIT
#include <asyncio/run.h>

#include <asyncio/sleep.h>

#include "core/loop_state.h"
#include "core/report.h"

namespace asyncio::inline ASYNCIO_ABI {

namespace {
// Rounds of cancelling before tasks that start new ones in their cleaning up are left to the loop's close().
constexpr int most_shutdown_rounds = 100;

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
    for (const AnyTask& task : tasks) task.cancel();
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

void Runner::run_main(const AnyTask& task) { loop_->run_until_done(*task.state()); }

void Runner::close() {
  if (std::exchange(closed_, true) || loop_ == nullptr) return;
  // The loop is closed even where one of the other steps throws.
  struct Closer {
    EventLoop& loop;
    ~Closer() { loop.close(); }
  } closer{*loop_};
  cancel_all_tasks(*loop_);
}

}  // namespace asyncio::inline ASYNCIO_ABI
