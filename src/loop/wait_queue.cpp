// SPDX-License-Identifier: MIT
#include <asyncio/lowlevel/wait_queue.h>

#include "base/fork.h"
#include "loop/loop_state.h"

#include <string>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

int WaitQueue::wake_all() noexcept {
  int count = 0;
  Link waiting;  // those that come while these are woken belong to the next round
  waiters_.move_all(waiting);
  while (!waiting.alone()) {
    QueuedWaiter& waiter = static_cast<QueuedWaiter&>(*waiting.next);
    waiter.unlink();
    waiter.wake();
    ++count;
  }
  return count;
}

void WaitQueue::refuse_other_thread(const char* operation) const {
  EventLoop::of(*front().task()->loop()).state().check_thread(operation);
}

void WaitQueue::leave_waiters_alone() noexcept {
  while (!empty()) front().unlink();
}

void detail::throw_two_loops(const char* reason) {
  if (this_thread.loop == nullptr) throw_parents_loop();
  throw RuntimeError(std::string(reason) + ": tasks of another event loop wait here already");
}

}  // namespace asyncio::inline ASYNCIO_ABI
