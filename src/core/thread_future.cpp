// SPDX-License-Identifier: MIT
#include <asyncio/thread_future.h>

#include "core/loop_state.h"
#include "core/report.h"

#include <condition_variable>
#include <mutex>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI {

// Apart, because public headers do without <mutex>.
struct ThreadFutureBase::Sync {
  std::mutex mutex;
  std::condition_variable ended;
  Phase phase = Phase::pending;
  std::vector<OnDone> callbacks;

  bool done() const { return phase == Phase::finished || phase == Phase::cancelled; }
};

ThreadFutureBase::ThreadFutureBase() : sync_(std::make_unique<Sync>()) {}
ThreadFutureBase::~ThreadFutureBase() = default;

bool ThreadFutureBase::begin() {
  std::lock_guard lock(sync_->mutex);
  if (sync_->phase != Phase::pending) return false;
  sync_->phase = Phase::running;
  return true;
}

void ThreadFutureBase::publish() noexcept { end(Phase::running, Phase::finished); }

bool ThreadFutureBase::cancel() noexcept { return end(Phase::pending, Phase::cancelled) || cancelled(); }

bool ThreadFutureBase::end(Phase from, Phase to) noexcept {
  std::vector<OnDone> callbacks;  // called, and destroyed, without the lock
  {
    std::lock_guard lock(sync_->mutex);
    if (sync_->phase != from) return false;
    sync_->phase = to;
    std::swap(callbacks, sync_->callbacks);
    // Under the lock: whoever waits may be the last owner, and must not destroy the condition before this is through.
    sync_->ended.notify_all();
  }
  for (OnDone& callback : callbacks) call(callback);
  return true;
}

void ThreadFutureBase::call(OnDone& callback) const noexcept {
  try {
    callback(*this);
  } catch (...) {
    report_current(nullptr, "Exception in a done callback");
  }
}

bool ThreadFutureBase::running() const {
  std::lock_guard lock(sync_->mutex);
  return sync_->phase == Phase::running;
}

bool ThreadFutureBase::done() const {
  std::lock_guard lock(sync_->mutex);
  return sync_->done();
}

bool ThreadFutureBase::cancelled() const {
  std::lock_guard lock(sync_->mutex);
  return sync_->phase == Phase::cancelled;
}

void ThreadFutureBase::check_thread() const {
  if (loop_ == nullptr || this_thread.loop != loop_) return;
  throw RuntimeError("a ThreadFuture was waited for in the thread of the loop that is to make its result");
}

void ThreadFutureBase::wait() const {
  std::unique_lock lock(sync_->mutex);
  if (sync_->done()) return;
  check_thread();
  sync_->ended.wait(lock, [this] { return sync_->done(); });
}

void ThreadFutureBase::wait_for(std::chrono::nanoseconds timeout) const {
  std::unique_lock lock(sync_->mutex);
  if (sync_->done()) return;
  check_thread();
  const auto now = std::chrono::steady_clock::now();
  // A deadline, and not the duration: now + the longest duration would overflow.
  const auto deadline = timeout < TimePoint::max() - now ? now + timeout : TimePoint::max();
  if (!sync_->ended.wait_until(lock, deadline, [this] { return sync_->done(); })) throw TimeoutError();
}

void ThreadFutureBase::on_done(OnDone callback) {
  {
    std::lock_guard lock(sync_->mutex);
    if (!sync_->done()) {
      sync_->callbacks.push_back(std::move(callback));
      return;
    }
  }
  call(callback);
}

void ThreadFutureBase::require_value() const {
  if (cancelled()) throw CancelledError();
}

const WaitKind Delivery::kind{"wrap_future", nullptr, nullptr, &Delivery::future_ended};

Delivery::Delivery(EventLoop& loop, FutureBase& future) : LinkedWaiter(kind), loop_(&loop), future_(&future) {
  future.retain();
  future.joiners().push_back(static_cast<LinkedWaiter&>(*this));
  loop.state().deliveries.push_back(static_cast<LiveLink&>(*this));
  ++loop.state().outside_work;
}

Delivery::~Delivery() = default;

void Delivery::start(std::shared_ptr<Delivery> self, ThreadFutureBase& source) {
  // The inbox outlives the loop: a result that comes too late is dropped there.
  Inbox& inbox = *self->loop_->state().inbox;
  inbox.retain();
  std::shared_ptr<Inbox> to(&inbox, [](Inbox* held) { held->release(); });
  self->self_ = self;
  source.on_done([to = std::move(to), self = std::move(self)](const ThreadFutureBase&) mutable {
    to->try_send([self = std::move(self)] { self->arrive(); });
  });
}

FutureBase* Delivery::leave() noexcept {
  LinkedWaiter::unlink();
  LiveLink::unlink();
  --loop_->state().outside_work;
  return std::exchange(future_, nullptr);
}

void Delivery::arrive() {
  if (future_ == nullptr) return;
  const std::shared_ptr<Delivery> self = std::move(self_);
  FutureBase* future = leave();
  deliver(*future);
  future->release();
}

void Delivery::future_ended(Waiter& waiter) noexcept {
  Delivery& delivery = static_cast<Delivery&>(waiter);
  const std::shared_ptr<Delivery> self = std::move(delivery.self_);
  FutureBase* future = delivery.leave();
  delivery.cancel_source();
  future->release();
}

void Delivery::abandon() noexcept {
  const std::shared_ptr<Delivery> self = std::move(self_);
  leave()->release();
}

void cancel_with(ThreadFutureBase& state, EventLoop& loop, std::shared_ptr<RemoteTask> remote) {
  Inbox& inbox = *loop.state().inbox;
  inbox.retain();
  std::shared_ptr<Inbox> to(&inbox, [](Inbox* held) { held->release(); });
  state.on_done([to = std::move(to), remote = std::move(remote)](const ThreadFutureBase& ended) mutable {
    if (!ended.cancelled()) return;
    to->try_send([remote = std::move(remote)] {
      if (remote->task != nullptr) remote->task->cancel({});
    });
  });
}

}  // namespace asyncio::inline ASYNCIO_ABI
