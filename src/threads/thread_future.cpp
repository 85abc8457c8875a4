// SPDX-License-Identifier: MIT
#include <asyncio/thread_future.h>

#include "base/timed_out.h"
#include "loop/loop_state.h"
#include "loop/report.h"
#include "threads/threads_of_loop.h"

#include <condition_variable>
#include <mutex>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

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

void ThreadFutureBase::wait(TimeLimit timeout) const {
  std::unique_lock lock(sync_->mutex);
  const auto done = [this] { return sync_->done(); };
  if (done()) return;
  check_thread();
  if (timeout.for_ever()) return sync_->ended.wait(lock, done);
  // A deadline, and not the duration: now + a very long duration would overflow.
  const auto deadline = add_saturated(std::chrono::steady_clock::now(), timeout.nanoseconds());
  if (!sync_->ended.wait_until(lock, deadline, done)) throw timed_out(timeout.nanoseconds(), "ThreadFuture.result");
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

namespace {
// A message to a loop that is made while nothing depends on it yet, and sent, or dropped, later. The inbox outlives the
// loop: what comes too late is dropped there.
template <class F>
class Prepared final : public Inbox::Message {
 public:
  Prepared(EventLoop& loop, F on_arrival) : inbox_(*loop.state().inbox), on_arrival_(std::move(on_arrival)) {
    inbox_.retain();
  }
  ~Prepared() { inbox_.release(); }

  void send() noexcept { inbox_.post(*this); }
  void arrive() noexcept override {
    on_arrival_();
    delete this;
  }
  void drop() noexcept override { delete this; }

 private:
  Inbox& inbox_;
  F on_arrival_;
};
template <class F>
std::unique_ptr<Prepared<F>> prepare(EventLoop& loop, F on_arrival) {
  return std::make_unique<Prepared<F>>(loop, std::move(on_arrival));
}
}  // namespace

Delivery::Delivery(EventLoop& loop, FutureBase& future) : LinkedWaiter(kind), loop_(&loop), future_(&future) {}

Delivery::~Delivery() = default;

void Delivery::start(std::shared_ptr<Delivery> self, ThreadFutureBase& source) {
  self->loop_->state().check_caller("wrap_future");
  ThreadsOfLoop& threads = ThreadsOfLoop::of(*self->loop_);
  auto message = prepare(*self->loop_, [self] { self->arrive(); });
  source.on_done([message = std::move(message)](const ThreadFutureBase&) mutable { message.release()->send(); });
  // Nothing can fail from here on. The result arrives in the loop's turn, if it is there already.
  self->future_->retain();
  self->future_->joiners().push_back(static_cast<LinkedWaiter&>(*self));
  threads.deliveries.push_back(static_cast<LiveLink&>(*self));
  ++self->loop_->state().outside_work;
  self->self_ = std::move(self);
}

FutureBase* Delivery::leave() noexcept {
  future_->joiners().remove(static_cast<LinkedWaiter&>(*this));
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

void detail::cancel_with(ThreadFutureBase& state, EventLoop& loop, std::shared_ptr<RemoteTask> remote) {
  auto message = prepare(loop, [remote = std::move(remote)] {
    if (remote->task != nullptr) remote->task->cancel({});
  });
  state.on_done([message = std::move(message)](const ThreadFutureBase& ended) mutable {
    if (ended.cancelled()) message.release()->send();
  });
}

}  // namespace asyncio::inline ASYNCIO_ABI
