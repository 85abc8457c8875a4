// SPDX-License-Identifier: MIT
#include <asyncio/coro.h>

#include <asyncio/error.h>
#include <asyncio/lowlevel/waiter.h>

#include "loop/report.h"

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

namespace {
// The coroutine that abandon() has just destroyed: the awaiter in its parent's frame, which is about to go, still
// points at it. Its memory is kept until then.
constinit thread_local Promise* abandoned = nullptr;
}  // namespace

void Promise::abandon(Promise& frame) noexcept {
  if (&frame == abandoned) {
    abandoned = nullptr;
    return;
  }
  // Only abandon_chain() destroys what is suspended in the middle: an awaiter that goes has ended its wait.
  std::terminate();
}

void Promise::abandon_chain(Promise& innermost) noexcept {
  FramePool::Quarantine keep_frames;
  Promise* const outer = std::exchange(abandoned, nullptr);  // a frame may own a loop, whose tasks go with it
  for (Promise* frame = &innermost; frame != nullptr;) {
    Promise* parent = frame->parent_;
    frame->handle().destroy();
    abandoned = frame;
    frame = parent;
  }
  abandoned = outer;
}

void detail::drop_unawaited(Promise& frame) noexcept {
  report_never_awaited(frame);
  frame.handle().destroy();
}

void detail::throw_awaited_twice() {
  throw RuntimeError(
      "a coroutine can be awaited only once: this one has been awaited, started as a task, or moved from");
}

}  // namespace asyncio::inline ASYNCIO_ABI
