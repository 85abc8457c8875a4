// SPDX-License-Identifier: MIT
#include "loop/signals.h"

#include <asyncio/error.h>
#include <asyncio/signal.h>

#include "loop/loop_state.h"
#include "loop/step_watch.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <thread>
#include <utility>

// The system's handler may run in any thread, at any instruction. All it touches are the atomics below and the wake()
// of a backend. A Signals that goes takes itself out of the table first, and then waits until no handler is under way
// that may have found it there.
//
// A program that is stuck in one step of its loop (a blocking call, an endless computation) never looks at its flags:
// it could not be ended by Ctrl-C at all. So the third SIGINT that finds two others not even looked at ends the
// program, as the system does by default. This is for watch_interrupts() only; a handler of the user's own is left to
// its fate.

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

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

// Gives what it was before.
struct sigaction set_disposition(int signal, void (*handler)(int)) {
  struct sigaction action{};
  struct sigaction before{};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  if (::sigaction(signal, &action, &before) != 0) {
    throw RuntimeError("signal " + std::to_string(signal) + " cannot be caught");
  }
  return before;
}

bool disposition_is(int signal, void (*handler)(int)) noexcept {
  struct sigaction action{};
  return ::sigaction(signal, nullptr, &action) == 0 && (action.sa_flags & SA_SIGINFO) == 0 &&
         action.sa_handler == handler;
}
}  // namespace

// A user's handler, and its place in the ready queue; a signal that comes while it stands there asks for nothing more.
struct Signals::Entry final : public Runnable {
  Entry(EventLoop& owner, Callback<void()> function) : loop(owner), callback(std::move(function)) {}

  void run() noexcept override {
    const std::shared_ptr<Entry> self = std::move(queued);
    if (!removed) run_timed(core_of(loop), callback, "Exception in a signal handler");
  }
  void drop() noexcept override { queued.reset(); }

  EventLoop& loop;
  BoundCallback<void()> callback;
  std::shared_ptr<Entry> queued;  // itself, while it is in the queue
  bool removed = false;
};

Signals::Signals(EventLoop& loop) : loop_(loop), backend_(*loop.state().backend) {}

Signals& Signals::of(EventLoop& loop) {
  EventLoop::State& state = loop.state();
  state.require_open();
  if (state.signals == nullptr) {
    state.signals = new Signals(loop);
    state.resources.push_back(*state.signals);
  }
  return *state.signals;
}

void Signals::loop_closing() noexcept {
  loop_.state().signals = nullptr;
  delete this;
}

Signals::~Signals() {
  while (!listeners_.alone()) stop_listening(static_cast<SignalListener&>(*listeners_.next));
  if (on_interrupt_) unwatch_interrupts();
  while (!uses_.empty()) remove(uses_.begin()->first);
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

// In the child of a fork() the loops of the parent hear of nothing: a signal does what it does by default. The same
// where a plugin that contains the library is unloaded and has left a loop behind: the handler is about to go.
void Signals::forget_all() noexcept {
  handlers_running.store(0);  // those of other threads are not here
  interrupts_watched.store(false);
  for (int signal = 1; signal < NSIG; ++signal) {
    Slot& slot = slots[static_cast<std::size_t>(signal)];
    if (slot.owner.exchange(nullptr) == nullptr) continue;
    slot.count.store(0);
    if (disposition_is(signal, &Signals::handle)) ::signal(signal, SIG_DFL);
  }
}

namespace {
[[maybe_unused]] const int registered = ::pthread_atfork(nullptr, nullptr, &Signals::forget_all);
[[gnu::destructor]] void unload() { Signals::forget_all(); }
}  // namespace

// Gives the use that is made of the signal, with nothing added yet: release_unless_used() takes it back.
Signals::Use& Signals::claim(int signal) {
  if (signal < 1 || signal >= NSIG) throw ValueError("there is no signal " + std::to_string(signal));
  if (!in_main_thread()) throw RuntimeError("signals can be handled in the main thread only");
  const auto [use, is_new] = uses_.try_emplace(signal);
  Slot& slot = slots[static_cast<std::size_t>(signal)];
  Signals* const previous = slot.owner.exchange(this);
  if (previous == this) return use->second;
  slot.count.store(0);
  try {
    const struct sigaction before = set_disposition(signal, &Signals::handle);
    if (is_new && before.sa_handler != &Signals::handle) use->second.before = before;  // else that of another loop
  } catch (...) {
    slot.owner.store(previous);
    if (is_new) uses_.erase(use);
    throw;
  }
  return use->second;
}

void Signals::release_unless_used(int signal) noexcept {
  const auto at = uses_.find(signal);
  if (at == uses_.end() || at->second.handler != nullptr || at->second.listeners > 0) return;
  if (signal == SIGINT && on_interrupt_) return;
  const struct sigaction before = at->second.before;
  uses_.erase(at);
  Slot& slot = slots[static_cast<std::size_t>(signal)];
  Signals* expected = this;
  if (!slot.owner.compare_exchange_strong(expected, nullptr)) return;  // another loop has taken it over
  if (disposition_is(signal, &Signals::handle)) ::sigaction(signal, &before, nullptr);
  while (handlers_running.load() > 0) std::this_thread::yield();
}

// Whether the third Ctrl-C that nobody has looked at ends the program.
void Signals::update_last_resort() noexcept {
  const auto at = uses_.find(SIGINT);
  interrupts_watched.store(on_interrupt_ && at != uses_.end() && at->second.listeners == 0);
}

void Signals::add(int signal, Callback<void()> callback) {
  auto entry = std::make_shared<Entry>(loop_, std::move(callback));
  Use& use = claim(signal);
  if (use.handler != nullptr) use.handler->removed = true;
  use.handler = std::move(entry);
  if (signal == SIGINT) {
    on_interrupt_ = {};
    update_last_resort();
  }
}

bool Signals::remove(int signal) {
  const auto at = uses_.find(signal);
  if (at == uses_.end() || at->second.handler == nullptr) return false;
  // Destroyed last: what it holds may come back here.
  const std::shared_ptr<Entry> gone = std::move(at->second.handler);
  gone->removed = true;
  at->second.before = {};  // the default
  release_unless_used(signal);
  return true;
}

void Signals::listen(SignalListener& listener) {
  int signal = 1;
  try {
    for (; signal <= 64; ++signal) {
      if ((listener.set() >> (signal - 1) & 1) != 0) ++claim(signal).listeners;
    }
  } catch (...) {
    while (--signal > 0) {
      if ((listener.set() >> (signal - 1) & 1) == 0) continue;
      --uses_.at(signal).listeners;
      release_unless_used(signal);
    }
    throw;
  }
  listeners_.push_back(listener);
  listener.signals_ = this;
  update_last_resort();
}

void Signals::stop_listening(SignalListener& listener) noexcept {
  listener.unlink();
  listener.signals_ = nullptr;
  for (int signal = 1; signal <= 64; ++signal) {
    if ((listener.set() >> (signal - 1) & 1) == 0) continue;
    --uses_.find(signal)->second.listeners;
    release_unless_used(signal);
  }
  update_last_resort();
}

void Signals::tell_listeners(int signal) noexcept {
  for (Link* link = listeners_.next; link != &listeners_; link = link->next) {
    SignalListener& listener = static_cast<SignalListener&>(*link);
    if ((listener.set() >> (signal - 1) & 1) != 0) listener.come_(listener, signal);
  }
}

bool Signals::handles_any() const noexcept {
  for (const auto& [signal, use] : uses_) {
    if (use.handler != nullptr || use.listeners > 0) return true;
  }
  return false;
}

bool Signals::watch_interrupts(Callback<void(unsigned)> on_interrupt) {
  if (!in_main_thread() || !disposition_is(SIGINT, SIG_DFL)) return false;
  claim(SIGINT);
  on_interrupt_ = std::move(on_interrupt);
  update_last_resort();
  return true;
}

unsigned Signals::unwatch_interrupts() noexcept {
  if (!on_interrupt_) return 0;
  on_interrupt_ = {};
  update_last_resort();
  release_unless_used(SIGINT);
  return uses_.contains(SIGINT) ? 0 : slots[SIGINT].count.exchange(0);
}

void Signals::dispatch() noexcept {
  if (!come_.load(std::memory_order_relaxed)) return;
  come_.store(false);
  unsigned interrupts = 0;
  for (auto& [signal, use] : uses_) {
    Slot& slot = slots[static_cast<std::size_t>(signal)];
    if (slot.owner.load() != this) continue;
    const unsigned count = slot.count.exchange(0);
    if (count == 0) continue;
    if (use.listeners > 0) tell_listeners(signal);
    if (use.handler != nullptr) {
      if (use.handler->queued != nullptr) continue;
      use.handler->queued = use.handler;
      core_of(loop_).ready.push(*use.handler);
    } else if (signal == SIGINT && use.listeners == 0 && on_interrupt_) {
      interrupts = count;
    }
  }
  // It cancels a task, whose code may add and remove handlers: nothing here is touched after it.
  if (interrupts > 0) on_interrupt_(interrupts);
}

void EventLoop::set_signal_handler(int signal, Callback<void()> callback) {
  state_->check_caller("add_signal_handler");
  require_open();
  Signals::of(*this).add(signal, std::move(callback));
}

bool EventLoop::remove_signal_handler(int signal) {
  if (signal < 1 || signal >= NSIG) throw ValueError("there is no signal " + std::to_string(signal));
  state_->check_caller("remove_signal_handler");
  return state_->signals != nullptr && state_->signals->remove(signal);
}

}  // namespace asyncio::inline ASYNCIO_ABI
