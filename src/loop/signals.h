// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/context.h>
#include <asyncio/detail/callback.h>
#include <asyncio/detail/link.h>

#include "loop/loop_resource.h"

#include <signal.h>

#include <atomic>
#include <map>
#include <memory>

namespace asyncio::inline ASYNCIO_ABI {

class EventLoop;

namespace detail {

class KernelBackend;
class SignalListener;

// The signals that a loop handles. The system's handler only counts, and wakes the loop; the loop calls dispatch()
// where it looks for messages of other threads. For the main thread, except for what the system's handler does.
class Signals final : public lowlevel::LoopResource {
 public:
  // Those of a loop; made where it has none yet. Throws RuntimeError where it is closed.
  static Signals& of(EventLoop& loop);
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // Removes all handlers, and goes.
  void loop_closing() noexcept override;

  // Throw ValueError for a number that is no signal, RuntimeError for one that cannot be caught and in another thread.
  void add(int signal, Callback<void()> callback);
  bool remove(int signal);

  // Tells a listener of its signals from now on. Throws as add() does, and has changed nothing then.
  void listen(SignalListener& listener);
  void stop_listening(SignalListener& listener) noexcept;

  // Whether something else than Ctrl-C is waited for.
  bool handles_any() const noexcept;

  // For Ctrl-C: called by dispatch() itself, with how many have come since it last looked. False where the disposition
  // of SIGINT is not the default one, or this is not the main thread: nothing is changed then.
  bool watch_interrupts(Callback<void(unsigned)> on_interrupt);
  // Ends it, and restores the default disposition, unless somebody has put something else there meanwhile, or listens.
  // Gives how many have come that dispatch() has not seen.
  unsigned unwatch_interrupts() noexcept;

  // Queues the callbacks of the signals that have come.
  void dispatch() noexcept;

  static bool in_main_thread() noexcept;
  static void forget_all() noexcept;

 private:
  explicit Signals(EventLoop& loop);
  ~Signals();
  struct Entry;
  // Why this has a signal, and what to leave behind.
  struct Use {
    std::shared_ptr<Entry> handler;  // of the user, if there is one
    unsigned listeners = 0;
    struct sigaction before = {};  // the disposition
  };

  static void handle(int signal) noexcept;  // the system's handler
  Use& claim(int signal);
  void release_unless_used(int signal) noexcept;
  void tell_listeners(int signal) noexcept;
  void update_last_resort() noexcept;

  EventLoop& loop_;
  KernelBackend& backend_;
  std::atomic<bool> come_ = false;  // set by the system's handler: some count is not 0
  std::map<int, Use> uses_;         // the signals that are claimed
  Link listeners_;
  Callback<void(unsigned)> on_interrupt_;  // empty where add() has replaced it, and while nobody watches
};

}  // namespace detail

}  // namespace asyncio::inline ASYNCIO_ABI
