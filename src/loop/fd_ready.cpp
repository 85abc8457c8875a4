// SPDX-License-Identifier: MIT
#include <asyncio/lowlevel/fd_ready.h>

#include "loop/loop_state.h"

#include <utility>

namespace asyncio::inline ASYNCIO_ABI::lowlevel {

using namespace detail;

const WaitKind FdReady::to_read{.reason = "lowlevel.readable", .remove = &FdReady::remove};
const WaitKind FdReady::to_write{.reason = "lowlevel.writable", .remove = &FdReady::remove};

namespace {
constexpr FdTable::Direction direction_of(bool writing) {
  return writing ? FdTable::Direction::write : FdTable::Direction::read;
}
}  // namespace

void FdReady::begin() {
  EventLoop::State& state = EventLoop::of(running_loop(kind().reason)).state();
  state.fds.add(fd_, direction_of(writing_), [this] { come(); }, FdTable::User::task);
  loop_ = &state.loop;
  ++state.outside_work;
}

void FdReady::come() noexcept {
  end();
  wake();
}

void FdReady::remove(Waiter& waiter) noexcept { static_cast<FdReady&>(waiter).end(); }

void FdReady::end() noexcept {
  if (loop_ == nullptr) return;
  EventLoop::State& state = std::exchange(loop_, nullptr)->state();
  --state.outside_work;
  try {
    state.fds.remove(fd_, direction_of(writing_), FdTable::User::task);
  } catch (const RuntimeError&) {
    // It was closed in the middle of the wait, and its number is that of a stream's by now.
  }
}

}  // namespace asyncio::inline ASYNCIO_ABI::lowlevel
