// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/link.h>

#include <cstdint>
#include <initializer_list>

namespace asyncio::inline ASYNCIO_ABI::detail {

class Signals;

// By number: bit n is signal n + 1.
using SignalSet = std::uint64_t;
SignalSet make_signal_set(std::initializer_list<int> numbers);  // throws ValueError

// Something that a loop tells of signals. It must stop listening before it is destroyed.
class SignalListener : public Link {
 public:
  using Come = void (*)(SignalListener&, int signal) noexcept;
  SignalListener(SignalSet set, Come on_signal) : set_(set), come_(on_signal) {}

  // In the loop that runs. Throws RuntimeError where none does, in another thread than the main one, and for a signal
  // that cannot be caught.
  void listen();
  // Twice is once, as after the end of the loop.
  void stop_listening() noexcept;
  bool listens() const { return signals_ != nullptr; }
  SignalSet set() const { return set_; }

 protected:
  ~SignalListener() = default;

 private:
  friend Signals;
  SignalSet set_;
  Come come_;
  Signals* signals_ = nullptr;
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
