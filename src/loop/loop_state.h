// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/event_loop.h>
#include <asyncio/virtual_clock.h>

#include "backend/backend.h"
#include "base/fork.h"
#include "loop/cancels.h"
#include "loop/done_callbacks.h"
#include "loop/fd_table.h"
#include "loop/inbox.h"
#include "loop/loop_registry.h"
#include "loop/loop_threads.h"
#include "loop/signals.h"
#include "loop/timer_queue.h"

#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI {

namespace lowlevel {

class LoopResource;

}  // namespace lowlevel

// What an event loop has beside its ready queue.
struct EventLoop::State {
  State(EventLoop& owner, const LoopOptions& options);
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  std::int64_t now() const { return clock != nullptr ? clock->now().time_since_epoch().count() : backend->now(); }

  // One iteration: takes what is ready, and runs it; waits for something first where there is nothing.
  void run_once();
  void run_batch_watched();  // the same in debug mode: tells of steps that take long
  // Asks the kernel and the clock for work; waits where there is none.
  void poll();
  void fire_timers();
  std::int64_t wait_until();  // for when, on the system's clock, there is nothing to do; moves a virtual clock
  bool stand_still() noexcept;
  void wake_idle() noexcept;

  // Gives frame memory back, if it is worth a look. When to look again: a wait must not last longer.
  std::int64_t trim_memory() noexcept;

  void require_open() const { loop.require_open(); }  // throws RuntimeError where it is closed, or a parent's
  // In debug mode: throws RuntimeError where the loop runs in another thread.
  void check_caller(const char* operation) const {
    if (loop.debug) check_thread(operation);
  }
  void check_thread(const char* operation) const;

  // Whether this is the child of a fork(), where what the loop has of the system (sockets, files, the epoll set) is
  // still the parent's, to be left alone.
  bool forked() const { return made.forked(); }

  // Leaves run_forever() with an exception, before the next step.
  void leave_with(std::exception_ptr error) noexcept;

  // In the child of a fork(): nothing of what the loop has is the child's; it stays as it is, for ever.
  void leave_to_parent() noexcept;

  // Runs until the future has ended; false where the loop was stopped before that.
  bool run_until(detail::FutureBase& future);

  EventLoop& loop;
  const detail::ProcessMark made;
  detail::LoopPlace place;
  std::unique_ptr<detail::KernelBackend> backend;
  VirtualClock* clock;
  std::unique_ptr<detail::Inbox, detail::Inbox::Release> inbox;
  detail::FdTable fds;
  detail::TimerQueue timers;
  lowlevel::LoopResource* streams = nullptr;  // what the streams of the loop share; null until there is one

  detail::ReadyQueue batch;       // what is left of the iteration that runs
  unsigned steps_left = 0;        // until the kernel is polled, and
  unsigned steps_per_poll = 256;  // how many there are from one poll to the next
  std::int64_t polled_at = 0;
  std::int64_t trim_at = 0;  // not to be done before, and
  std::int64_t trim_pause = 0;
  bool ran_since_trim = true;

  detail::Link left;            // the tasks of a loop that is the parent's, and has been destroyed here, and
  detail::Link left_callbacks;  // its done callbacks
  detail::Link resources;       // each a LoopResource, to let go when the loop is closed
  detail::Link idle_waiters;    // tasks that go on once nothing else is ready
  detail::Cancels cancels;
  detail::DoneCallbacks done_callbacks;
  TaskFactory task_factory;
  unsigned eager_starts = 0;  // that are inside each other now
  int outside_work = 0;       // jobs in threads, and waits for the kernel: a virtual clock stands still for them

  std::int64_t watched = 0;  // of debug mode: how long the steps took that ran inside the one which runs

  bool running = false;
  bool closed = false;
  bool stopping = false;
  std::thread::id thread;   // that runs it
  std::exception_ptr exit;  // a SystemExit or KeyboardInterrupt on its way out

  detail::Signals* signals = nullptr;      // null until there is a handler; one of the resources, as
  detail::LoopThreads* threads = nullptr;  // are these; null until they are needed

  // Of a loop that std::exit() has ended: for those who look for leaks, what it has left, and the next such loop.
  std::vector<detail::Promise*> left_frames;
  State* left_before = nullptr;

  ExceptionHandler exception_handler;
  bool in_exception_handler = false;
  bool exception_handler_set = false;  // while it ran
};

}  // namespace asyncio::inline ASYNCIO_ABI
