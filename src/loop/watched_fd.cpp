// SPDX-License-Identifier: MIT
#include <asyncio/lowlevel/watched_fd.h>

#include "loop/loop_state.h"

namespace asyncio::inline ASYNCIO_ABI::lowlevel {

using namespace detail;

void WatchedFd::watch(EventLoop& loop) {
  loop.state().check_caller("WatchedFd.watch");
  loop.state().fds.own(*this);
  loop_ = &loop;
}

void WatchedFd::unwatch() noexcept {
  if (!watched_) return;
  const LoopCore& loop = core_of(*loop_);
  if (&loop == this_thread.loop || is_alive(&loop)) {
    loop_->state().fds.disown(*this);
  } else {
    watched_ = false;  // the loop has gone, and its backend with it
  }
}

}  // namespace asyncio::inline ASYNCIO_ABI::lowlevel
