// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/event_loop.h>
#include <asyncio/virtual_clock.h>

#include "core/backend.h"
#include "core/inbox.h"
#include "core/timer_queue_stub.h"

#include <memory>
#include <thread>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI {

// What an event loop has beside its ready queue.
struct EventLoop::State {
  State(EventLoop& owner, const LoopOptions& options);
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State();

  std::int64_t now() const { return clock != nullptr ? clock->now().time_since_epoch().count() : backend->now(); }

  // One iteration: takes what is ready, and runs it; waits for something first where there is nothing.
  void run_once();
  // Asks the kernel and the clock for work; waits where there is none.
  void poll();
  void fire_timers();
  std::int64_t wait_until();  // for when, on the system's clock, there is nothing to do; moves a virtual clock
  void wake_idle() noexcept;

  // In debug mode: throws RuntimeError where the loop runs in another thread.
  void check_caller(const char* operation) const {
    if (loop.debug) check_thread(operation);
  }
  void check_thread(const char* operation) const;

  // Leaves run_forever() with an exception, before the next step.
  void leave_with(std::exception_ptr error) noexcept;

  EventLoop& loop;
  std::unique_ptr<KernelBackend> backend;
  VirtualClock* clock;
  Inbox* inbox;
  TimerQueue timers;

  ReadyQueue batch;               // what is left of the iteration that runs
  unsigned steps_left = 0;        // until the kernel is polled, and
  unsigned steps_per_poll = 256;  // how many there are from one poll to the next
  std::int64_t polled_at = 0;

  Link idle_waiters;               // tasks that go on once nothing else is ready
  std::vector<TaskBase*> cancels;  // parked tasks to which a cancel is to be delivered (task.cpp)
  int outside_work = 0;            // jobs in threads, and waits for the kernel: a virtual clock stands still for them

  bool running = false;
  bool closed = false;
  bool stopping = false;
  std::thread::id thread;   // that runs it
  std::exception_ptr exit;  // a SystemExit or KeyboardInterrupt on its way out

  ExceptionHandler exception_handler;
  bool in_exception_handler = false;
};

}  // namespace asyncio::inline ASYNCIO_ABI
