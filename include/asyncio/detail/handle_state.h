// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/context.h>
#include <asyncio/detail/bound_callback.h>
#include <asyncio/detail/frame_pool.h>
#include <asyncio/detail/link.h>
#include <asyncio/detail/ref.h>
#include <asyncio/lowlevel/timer.h>
#include <asyncio/time_limit.h>

#include <cstddef>
#include <cstdint>
#include <typeinfo>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI::detail {

struct LoopCore;

// What call_soon() was given, until it has run; shared by the loop and the handles.
class HandleState : public Runnable {
 public:
  HandleState(LoopCore& loop, Callback<void()>&& callback) : loop_(&loop), callback_(std::move(callback)) {}
  static void* operator new(std::size_t size) { return FramePool::get(size); }
  static void operator delete(void* memory, std::size_t size) noexcept { FramePool::put(memory, size); }

  void run() noexcept override;
  void drop() noexcept override { release(); }
  virtual void cancel() noexcept;
  bool cancelled() const { return cancelled_; }
  const std::type_info& callback_type() const { return callback_.type(); }
  Context& context() { return callback_.context(); }

  LoopCore* loop() const { return loop_; }  // which may have gone

  void retain() noexcept { references_.retain(); }
  void release() noexcept {
    if (references_.release()) delete this;
  }

 protected:
  virtual ~HandleState() = default;
  LoopCore* loop_;
  RefCount references_{1};  // the loop's own, until it has run or is dropped
  bool cancelled_ = false;
  BoundCallback<void()> callback_;
};

class TimerHandleState final : public HandleState, public lowlevel::Timer {
 public:
  TimerHandleState(LoopCore& loop, Callback<void()>&& callback);
  void cancel() noexcept override;
  TimePoint when() const { return TimePoint(std::chrono::nanoseconds(when_)); }
  void set_when(TimePoint when) { when_ = when.time_since_epoch().count(); }

  // Null where it is a timer of another kind.
  static const TimerHandleState* behind(const Timer& timer) noexcept {
    return timer.is_fired_by(&queue) ? static_cast<const TimerHandleState*>(&timer) : nullptr;
  }

 private:
  static void queue(Timer& timer) noexcept;

  std::int64_t when_ = 0;
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
