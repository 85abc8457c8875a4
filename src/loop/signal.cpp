// SPDX-License-Identifier: MIT
#include <asyncio/signal.h>

#include <asyncio/event_loop.h>

#include "loop/signals.h"

#include <bit>
#include <string>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

namespace {
SignalSet bit_of(int signal) { return SignalSet{1} << (signal - 1); }
}  // namespace

SignalSet detail::make_signal_set(std::initializer_list<int> numbers) {
  SignalSet set = 0;
  for (int number : numbers) {
    if (number < 1 || number > 64) throw ValueError("there is no signal " + std::to_string(number));
    set |= bit_of(number);
  }
  return set;
}

void SignalListener::listen() { Signals::of(EventLoop::of(running_loop("signals"))).listen(*this); }

void SignalListener::stop_listening() noexcept {
  if (signals_ != nullptr) signals_->stop_listening(*this);
}

const WaitKind WaitSignal::waiting{"wait_signal", &WaitSignal::leave};

void WaitSignal::come(SignalListener& listener, int signal) noexcept {
  WaitSignal& self = static_cast<WaitSignal&>(listener);
  if (!std::exchange(self.waits_, false)) return;
  self.signal_ = signal;
  self.wake();
}

void WaitSignal::leave(Waiter& waiter) noexcept { static_cast<WaitSignal&>(waiter).waits_ = false; }

SignalStream::SignalStream(SignalSet set) : SignalListener(set, &come) { listen(); }

void SignalStream::come(SignalListener& listener, int signal) noexcept {
  SignalStream& self = static_cast<SignalStream&>(listener);
  if (self.waiters_.empty()) {
    self.pending_ |= bit_of(signal);
  } else {
    static_cast<Next&>(self.waiters_.front()).signal_ = signal;
    self.waiters_.wake_one();
  }
}

int SignalStream::take() noexcept {
  const int signal = pending_ == 0 ? 0 : std::countr_zero(pending_) + 1;
  pending_ &= pending_ - 1;
  return signal;
}

bool SignalStream::Next::await_ready() {
  signal_ = owner_->take();
  if (signal_ == 0 && !owner_->listens()) throw RuntimeError("signals.next: the event loop has ended");
  return signal_ != 0;
}

}  // namespace asyncio::inline ASYNCIO_ABI
