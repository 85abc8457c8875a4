// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/handle_state.h>
#include <asyncio/time_limit.h>

#include <cstdint>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

class Inbox;

}  // namespace detail

// A callback that a loop will call. Copies refer to the same one; dropping it changes nothing. One that refers to none
// is false, and its functions throw RuntimeError. Python: asyncio.Handle.
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

  // The callback will not run; true. Where it runs at the moment, waits until it has ended, unless this is called by
  // the callback itself; false then, and where it has run before.
  bool cancel() const noexcept;

 private:
  detail::Inbox* inbox_ = nullptr;  // is never freed
  std::uint64_t number_ = 0;
};

}  // namespace asyncio::inline ASYNCIO_ABI
