// SPDX-License-Identifier: MIT
#include "core/signals.h"

#include <asyncio/error.h>

#include "core/loop_state.h"
#include "core/report.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <thread>
#include <utility>

// The system's handler may run in any thread, at any instruction. All it touches are the atomics below and the wake() of
// a backend. A Signals that goes takes itself out of the table first, and then waits until no handler is under way that
// may have found it there.
//
// A program that is stuck in one step of its loop (a blocking call, an endless computation) never looks at its flags: it
// could not be ended by Ctrl-C at all. So the third SIGINT that finds two others not even looked at ends the program, as
// the system does by default. This is for watch_interrupts() only; a handler of the user's own is left to its fate.

namespace asyncio::inline ASYNCIO_ABI {

namespace {
struct Slot {
  std::atomic<Signals*> owner = nullptr;
  std::atomic<unsigned> count = 0;  // that have come, and not been dispatched
};
constinit std::array<Slot, NSIG> slots{};
constinit std::atomic<int> handlers_running = 0;
constinit std::atomic<bool> interrupts_watched = false;
constexpr unsigned most_unseen_interrupts = 2;

static_assert(std::atomic<Signals*>::is_always_lock_free && std::atomic<unsigned>::is_always_lock_free);

void set_disposition(int signal, void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  if (::sigaction(signal, &action, nullptr) != 0) {
    throw RuntimeError("signal " + std::to_string(signal) + " cannot be caught");
  }
}

bool disposition_is(int signal, void (*handler)(int)) noexcept {
  struct sigaction action{};
  return ::sigaction(signal, nullptr, &action) == 0 && (action.sa_flags & SA_SIGINFO) == 0 &&
         action.sa_handler == handler;
}
}  // namespace

// A user's handler, and its place in the ready queue; a signal that comes while it stands there asks for nothing more.
struct Signals::Entry final : public Runnable {
  Entry(EventLoop& owner, Callback<void()> function)
      : loop(owner), callback(std::move(function)), context(Context::current()) {}

  void run() noexcept override {
    const std::shared_ptr<Entry> self = std::move(queued);
    if (!removed) run_reporting(&loop, context, "Exception in a signal handler", callback);
  }
  void drop() noexcept override { queued.reset(); }

  EventLoop& loop;
  Callback<void()> callback;
  Context context;
  std::shared_ptr<Entry> queued;  // itself, while it is in the queue
  bool removed = false;
};

Signals::Signals(EventLoop& loop, KernelBackend& backend) : loop_(loop), backend_(backend) {}

Signals::~Signals() {
  while (!entries_.empty()) remove(entries_.begin()->first);
  if (on_interrupt_) unwatch_interrupts();
}

bool Signals::in_main_thread() noexcept { return ::gettid() == ::getpid(); }

void Signals::handle(int signal) noexcept {
  const int error = errno;
  handlers_running.fetch_add(1);
  Slot& slot = slots[static_cast<std::size_t>(signal)];
  const unsigned unseen = slot.count.fetch_add(1);
  if (signal == SIGINT && unseen >= most_unseen_interrupts && interrupts_watched.load()) {
    ::signal(SIGINT, SIG_DFL);
    ::raise(SIGINT);  // delivered when this returns
  } else if (Signals* owner = slot.owner.load()) {
    owner->come_.store(true);
    owner->backend_.wake();
  }
  handlers_running.fetch_sub(1);
  errno = error;
}

void Signals::claim(int signal) {
  if (signal < 1 || signal >= NSIG) throw ValueError("there is no signal " + std::to_string(signal));
  if (!in_main_thread()) throw RuntimeError("signals can be handled in the main thread only");
  Slot& slot = slots[static_cast<std::size_t>(signal)];
  Signals* const previous = slot.owner.exchange(this);
  if (previous == this) return;
  slot.count.store(0);
  try {
    set_disposition(signal, &Signals::handle);
  } catch (...) {
    slot.owner.store(previous);
    throw;
  }
}

void Signals::release(int signal) noexcept {
  Slot& slot = slots[static_cast<std::size_t>(signal)];
  Signals* expected = this;
  if (!slot.owner.compare_exchange_strong(expected, nullptr)) return;  // another loop has taken it over
  if (disposition_is(signal, &Signals::handle)) ::signal(signal, SIG_DFL);
  while (handlers_running.load() > 0) std::this_thread::yield();
}

void Signals::add(int signal, Callback<void()> callback) {
  auto entry = std::make_shared<Entry>(loop_, std::move(callback));
  claim(signal);
  if (signal == SIGINT) {
    on_interrupt_ = {};
    interrupts_watched.store(false);
  }
  std::shared_ptr<Entry>& place = entries_[signal];
  if (place != nullptr) place->removed = true;
  place = std::move(entry);
}

bool Signals::remove(int signal) {
  const auto at = entries_.find(signal);
  if (at == entries_.end()) return false;
  at->second->removed = true;
  entries_.erase(at);
  release(signal);
  return true;
}

bool Signals::watch_interrupts(Callback<void(unsigned)> on_interrupt) {
  if (!in_main_thread() || !disposition_is(SIGINT, SIG_DFL)) return false;
  claim(SIGINT);
  on_interrupt_ = std::move(on_interrupt);
  interrupts_watched.store(true);
  return true;
}

unsigned Signals::unwatch_interrupts() noexcept {
  if (!on_interrupt_) return 0;
  on_interrupt_ = {};
  interrupts_watched.store(false);
  release(SIGINT);
  return slots[SIGINT].count.exchange(0);
}

void Signals::dispatch() noexcept {
  if (!come_.load(std::memory_order_relaxed)) return;
  come_.store(false);
  if (on_interrupt_) {
    if (const unsigned count = slots[SIGINT].count.exchange(0)) on_interrupt_(count);
  }
  for (auto& [signal, entry] : entries_) {
    Slot& slot = slots[static_cast<std::size_t>(signal)];
    if (slot.owner.load() != this || slot.count.exchange(0) == 0 || entry->queued != nullptr) continue;
    entry->queued = entry;
    loop_.ready.push(*entry);
  }
}

void EventLoop::set_signal_handler(int signal, Callback<void()> callback) {
  require_open();
  State& state = *state_;
  if (state.signals == nullptr) state.signals = std::make_unique<Signals>(*this, *state.backend);
  state.signals->add(signal, std::move(callback));
}

bool EventLoop::remove_signal_handler(int signal) {
  if (signal < 1 || signal >= NSIG) throw ValueError("there is no signal " + std::to_string(signal));
  return state_->signals != nullptr && state_->signals->remove(signal);
}

}  // namespace asyncio::inline ASYNCIO_ABI
