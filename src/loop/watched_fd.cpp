// SPDX-License-Identifier: MIT
#include <asyncio/lowlevel/watched_fd.h>

#include "loop/loop_state.h"

namespace asyncio::inline ASYNCIO_ABI::lowlevel {

void WatchedFd::watch(EventLoop& loop) {
  loop.state().fds.own(*this);
  loop_ = &loop;
}

void WatchedFd::unwatch() noexcept {
  if (watched_) loop_->state().fds.disown(*this);
}

}  // namespace asyncio::inline ASYNCIO_ABI::lowlevel
