// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/bound_callback.h>
#include <asyncio/context.h>
#include <asyncio/frame_pool.h>
#include <asyncio/link.h>
#include <asyncio/ref.h>
#include <asyncio/time_limit.h>
#include <asyncio/timer_node.h>

#include <cstddef>
#include <cstdint>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

struct LoopCore;
class Inbox;

}  // namespace detail

namespace lowlevel {

// Something that a loop does at a time; the base of what sleeps, of timer handles and of timeouts.
class Timer : public detail::TimerNode {
 public:
  using Fire = void (*)(Timer&) noexcept;
  explicit Timer(Fire on_fire) : fire_(on_fire) {}

  // For the loop: the time has come. The timer is not armed any more.
  void fire() noexcept { fire_(*this); }
  // What kind of timer it is.
  bool is_fired_by(Fire on_fire) const noexcept { return fire_ == on_fire; }

 protected:
  ~Timer() = default;

 private:
  Fire fire_;
};

}  // namespace lowlevel

namespace detail {

// What call_soon() was given, until it has run; shared by the loop and the handles.
class HandleState : public Runnable {
 public:
  HandleState(LoopCore& loop, Callback<void()> callback) : loop_(&loop), callback_(std::move(callback)) {}
  static void* operator new(std::size_t size) { return FramePool::get(size); }
  static void operator delete(void* memory, std::size_t size) noexcept { FramePool::put(memory, size); }

  void run() noexcept override;
  void drop() noexcept override { release(); }
  virtual void cancel() noexcept;
  bool cancelled() const { return cancelled_; }
  const std::type_info& callback_type() const { return callback_.type(); }
  Context& context() { return callback_.context(); }

  LoopCore* loop() const { return loop_; }  // which may have gone

  void retain() noexcept { ++references_; }
  void release() noexcept {
    if (--references_ == 0) delete this;
  }

 protected:
  virtual ~HandleState() = default;
  LoopCore* loop_;
  std::uint32_t references_ = 1;  // the loop's own, until it has run or is dropped
  bool cancelled_ = false;
  BoundCallback<void()> callback_;
};

class TimerHandleState final : public HandleState, public lowlevel::Timer {
 public:
  TimerHandleState(LoopCore& loop, Callback<void()> callback);
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

}  // namespace detail

// A callback that a loop will call. Copies refer to the same one; dropping it changes nothing. One that refers to none is
// false, and its functions throw RuntimeError. Python: asyncio.Handle.
class Handle {
 public:
  Handle() = default;  // refers to none
  explicit Handle(detail::HandleState& state) noexcept : state_(state) {}

  explicit operator bool() const { return static_cast<bool>(state_); }

  // The callback will not run, even if it is ready, and what it holds is destroyed. No effect once it has run.
  void cancel() const;
  bool cancelled() const { return state().cancelled(); }

  detail::HandleState& state() const {
    if (!state_) [[unlikely]]
      detail::refuse_empty("Handle");
    return *state_;
  }

 protected:
  detail::Ref<detail::HandleState> state_;
};

class TimerHandle : public Handle {
 public:
  TimerHandle() = default;
  explicit TimerHandle(detail::TimerHandleState& state) noexcept : Handle(state) {}

  // When it is, or was, to be called; on the loop's clock.
  TimePoint when() const { return static_cast<detail::TimerHandleState&>(state()).when(); }
};

// A callback that another thread has sent to a loop. Any thread may use it.
class ThreadsafeHandle {
 public:
  ThreadsafeHandle() = default;
  ThreadsafeHandle(detail::Inbox& inbox, std::uint64_t number) noexcept : inbox_(&inbox), number_(number) {}

  // The callback will not run; true. Where it runs at the moment, waits until it has ended, unless this is called by the
  // callback itself; false then, and where it has run before.
  bool cancel() const noexcept;

 private:
  detail::Inbox* inbox_ = nullptr;  // is never freed
  std::uint64_t number_ = 0;
};

}  // namespace asyncio::inline ASYNCIO_ABI
