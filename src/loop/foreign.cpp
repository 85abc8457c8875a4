// SPDX-License-Identifier: MIT
#include <asyncio/foreign.h>

#include <asyncio/error.h>
#include <asyncio/event_loop.h>

#include "loop/inbox.h"
#include "loop/loop_state.h"
#include "loop/report.h"
#include "loop/task_extra.h"

#include <atomic>
#include <utility>

// The bridge may be resumed when the task that waited is long gone, because its loop was closed, and by a thread that
// knows nothing of the loop. What the two ends share is therefore an object of its own: a ForeignLink. Only the thread
// of the loop reads whether somebody still waits; the other threads send it a message, which a closed loop drops.

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

class detail::ForeignLink final : private Inbox::Message {
 public:
  ForeignLink(ForeignWait& wait, EventLoop& loop) : loop_(&loop), inbox_(loop.state().inbox.get()), wait_(&wait) {
    inbox_->retain();
  }
  ForeignLink(const ForeignLink&) = delete;
  ForeignLink& operator=(const ForeignLink&) = delete;

  void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  // The bridge was resumed, or destroyed without that. Any thread; takes over the caller's reference.
  static void arrived(ForeignLink* link, bool resumed) noexcept;

  // The loop's thread: nobody waits any more.
  void forget() noexcept {
    if (std::exchange(wait_, nullptr) != nullptr) --loop_->state().outside_work;
  }

  bool lost() const { return lost_; }
  bool pending() const { return wait_ != nullptr; }

 private:
  ~ForeignLink() { inbox_->release(); }
  void arrive() noexcept override {
    finish(resumed_);
    release();
  }
  void drop() noexcept override { release(); }

  void finish(bool resumed) noexcept {
    if (wait_ == nullptr) return;
    ForeignWait& wait = *wait_;
    forget();
    lost_ = !resumed;
    if (wait.parked_) wait.wake();  // else it is inside of await_suspend, and looks
  }

  std::atomic<int> references_ = 2;  // of the wait, and of the bridge
  EventLoop* loop_;
  Inbox* inbox_;  // outlives the loop
  ForeignWait* wait_;
  bool resumed_ = false;
  bool lost_ = false;
};

void ForeignLink::arrived(ForeignLink* link, bool resumed) noexcept {
  link->resumed_ = resumed;
  if (this_thread.loop == core_of(link->loop_)) {
    link->arrive();
  } else {
    link->inbox_->post(*link);
  }
}

namespace {

// The coroutine whose handle a foreign awaiter gets. Its frame comes from operator new, not from the pool of the
// thread: it may be freed by another one.
struct Bridge {
  struct promise_type {
    Bridge get_return_object() noexcept { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }
  };
  std::coroutine_handle<> handle;
};

// The bridge's end of the link; in the parameters of the coroutine, so that it also goes with one that never ran.
class BridgeEnd {
 public:
  explicit BridgeEnd(ForeignLink& link) : link_(&link) {}
  BridgeEnd(BridgeEnd&& other) noexcept : link_(std::exchange(other.link_, nullptr)) {}
  ~BridgeEnd() { arrive(false); }

  void arrive(bool resumed) noexcept {
    if (ForeignLink* link = std::exchange(link_, nullptr)) ForeignLink::arrived(link, resumed);
  }

 private:
  ForeignLink* link_;
};

Bridge make_bridge(BridgeEnd end) {
  end.arrive(true);
  co_return;
}

}  // namespace

const WaitKind ForeignWait::uncancellable{
    .reason = "foreign awaitable", .remove = &ForeignWait::remove, .interrupt = nullptr};
const WaitKind ForeignWait::cancellable{
    .reason = "foreign awaitable", .remove = &ForeignWait::remove, .interrupt = &ForeignWait::interrupt};

ForeignWait::~ForeignWait() {
  if (link_ != nullptr) link_->release();
}

std::coroutine_handle<> ForeignWait::begin() {
  task_ = this_thread.task;
  check_all();
  EventLoop& loop = EventLoop::of(*task_->loop());
  link_ = new ForeignLink(*this, loop);
  ++loop.state().outside_work;
  bridge_ = make_bridge(BridgeEnd(*link_)).handle;
  return bridge_;
}

void ForeignWait::withdraw() noexcept {
  const bool unused = link_->pending();
  link_->forget();
  if (unused) bridge_.destroy();
}

void ForeignWait::suspend() {
  const bool arrived = !link_->pending();  // before await_suspend returned
  parked_ = true;
  park();
  if (arrived) wake();
}

void ForeignWait::check_foreign() {
  check();
  if (link_ != nullptr && link_->lost())
    throw RuntimeError("the awaited operation was dropped: it destroyed its handle instead of resuming it");
}

void ForeignWait::remove(Waiter& waiter) noexcept { static_cast<ForeignWait&>(waiter).link_->forget(); }

bool ForeignWait::interrupt(Waiter& waiter) noexcept {
  ForeignWait& wait = static_cast<ForeignWait&>(waiter);
  if (!wait.link_->pending() || std::exchange(wait.asked_, true)) return false;
  bool gone = false;
  const OnBehalfOf waiting(*wait.task());  // the cancel may come from another task, or from a timer
  try {
    gone = wait.ask_to_stop();
  } catch (...) {
    report_current(wait.task()->loop(), "Exception in the on_cancel of from_foreign()");
  }
  if (!gone || !wait.link_->pending()) return false;
  wait.withdraw();
  return true;
}

}  // namespace asyncio::inline ASYNCIO_ABI
