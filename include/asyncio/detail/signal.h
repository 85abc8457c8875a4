// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/signal_listener.h>
#include <asyncio/lowlevel/wait_queue.h>

#include <concepts>
#include <coroutine>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

// What wait_signal() gives to co_await.
class [[nodiscard("nothing is waited for: write co_await")]] WaitSignal : public lowlevel::Waiter,
                                                                          private SignalListener {
 public:
  explicit WaitSignal(SignalSet set) : Waiter(waiting), SignalListener(set, &come) {}
  WaitSignal(WaitSignal&& other) noexcept : Waiter(std::move(other)), SignalListener(other.set(), &come) {}
  ~WaitSignal() { stop_listening(); }

  bool await_ready() const { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> self) {
    listen();
    waits_ = true;
    park(self);
  }
  int await_resume() {
    stop_listening();
    check();
    return signal_;
  }

 private:
  static const lowlevel::WaitKind waiting;
  static void come(SignalListener& listener, int signal) noexcept;
  static void leave(Waiter& waiter) noexcept;

  bool waits_ = false;
  int signal_ = 0;
};

}  // namespace detail

class [[nodiscard("nothing is waited for: write co_await")]] SignalStream::Next : public lowlevel::QueuedWaiter {
 public:
  static constexpr lowlevel::WaitKind kind = lowlevel::WaitQueue::kind("signals.next");

  explicit Next(SignalStream& owner) : QueuedWaiter(owner.waiters_, kind), owner_(&owner) {}
  bool await_ready();
  int await_resume() {
    QueuedWaiter::await_resume();
    return signal_;
  }

 private:
  friend SignalStream;
  SignalStream* owner_;
  int signal_ = 0;
};

template <std::same_as<int>... More>
detail::WaitSignal wait_signal(int signal, More... more) {
  return detail::WaitSignal(detail::make_signal_set({signal, more...}));
}

template <std::same_as<int>... More>
SignalStream signals(int signal, More... more) {
  return SignalStream(detail::make_signal_set({signal, more...}));
}

inline SignalStream::Next SignalStream::next() { return Next(*this); }

}  // namespace asyncio::inline ASYNCIO_ABI
