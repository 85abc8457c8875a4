// SPDX-License-Identifier: MIT
#include "core/inbox.h"

#include <asyncio/error.h>

#include "core/backend.h"
#include "core/report.h"

#include <mutex>
#include <utility>

// A cancel may come while the loop's thread is in the middle of a batch. What has been sent is changed under the lock
// only. From when the loop has taken it, the state of an entry decides between the loop, which takes no lock for it, and
// a cancel, which holds the lock so that the batch does not go away meanwhile.

namespace asyncio::inline ASYNCIO_ABI {

namespace {
// More room than this is given back after a batch.
constexpr std::size_t kept_room = 4096;

constinit BriefLock unused_lock;
constinit Inbox* unused = nullptr;
}  // namespace

Inbox& Inbox::take(KernelBackend& backend) {
  Inbox* inbox = nullptr;
  {
    std::lock_guard lock(unused_lock);
    if (unused != nullptr) inbox = std::exchange(unused, unused->next_unused_);
  }
  if (inbox == nullptr) inbox = new Inbox;
  std::lock_guard lock(inbox->lock_);
  inbox->references_.store(1, std::memory_order_relaxed);
  inbox->filled_.store(false, std::memory_order_relaxed);
  inbox->end_wait();
  inbox->backend_ = &backend;
  return *inbox;
}

void Inbox::release() noexcept {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  std::lock_guard lock(unused_lock);
  next_unused_ = std::exchange(unused, this);
}

std::uint64_t Inbox::append(Callback<void()>&& callback, bool& closed) {
  Context context = Context::current();
  KernelBackend* sleeping = nullptr;
  std::uint64_t number = 0;
  {
    std::lock_guard lock(lock_);
    closed = backend_ == nullptr;
    if (closed) return 0;
    number = first_sent_ + sent_.size();
    sent_.emplace_back(std::move(callback), std::move(context));
    // Where it was filled before, the loop has been told, or will look before it waits.
    if (!filled_.load(std::memory_order_relaxed)) {
      filled_.store(true, std::memory_order_seq_cst);
      if (waiting_.load(std::memory_order_seq_cst) && waiting_.exchange(false, std::memory_order_relaxed)) {
        sleeping = backend_;
        wakers_.fetch_add(1, std::memory_order_relaxed);
      }
    }
  }
  if (sleeping != nullptr) {
    sleeping->wake();  // without the lock: it is the first thing that the loop wants to have then
    wakers_.fetch_sub(1, std::memory_order_release);
    wakers_.notify_all();
  }
  return number;
}

ThreadsafeHandle Inbox::send(Callback<void()>&& callback) {
  bool closed = false;
  const std::uint64_t number = append(std::move(callback), closed);
  if (closed) throw RuntimeError("the event loop is closed");
  return ThreadsafeHandle(*this, number);
}

bool Inbox::try_send(Callback<void()>&& callback) {
  bool closed = false;
  append(std::move(callback), closed);
  return !closed;
}

void Inbox::run_all(LoopCore& loop) noexcept {
  std::vector<Entry> finished;
  {
    std::lock_guard lock(lock_);
    finished.swap(running_);
    running_.swap(sent_);
    sent_.swap(spare_);
    first_sent_ += running_.size();
    filled_.store(false, std::memory_order_relaxed);
    runner_ = &this_thread;
  }
  finished.clear();
  if (finished.capacity() <= kept_room) spare_ = std::move(finished);
  for (Entry& entry : running_) {
    Entry::State state = Entry::queued;
    if (!entry.state.compare_exchange_strong(state, Entry::running, std::memory_order_acquire)) continue;
    run_reporting(&loop, entry.context, "Exception in a callback from another thread", entry.callback);
    entry.callback = nullptr;  // before anybody is told that it has ended
    entry.context = Context();
    if (entry.state.exchange(Entry::ended, std::memory_order_acq_rel) == Entry::awaited) {
      std::lock_guard lock(lock_);
      entry_ended_.notify_all();
    }
  }
}

bool Inbox::cancel(std::uint64_t number) noexcept {
  Callback<void()> dropped;  // both are destroyed without the lock
  Context dropped_context;
  std::unique_lock lock(lock_);
  const std::uint64_t first_running = first_sent_ - running_.size();
  if (number < first_running) return false;
  Entry& entry = number < first_sent_ ? running_[number - first_running] : sent_[number - first_sent_];
  Entry::State state = Entry::queued;
  if (entry.state.compare_exchange_strong(state, Entry::cancelled, std::memory_order_acquire)) {
    dropped = std::move(entry.callback);
    dropped_context = std::move(entry.context);
    lock.unlock();
    return true;
  }
  if (state == Entry::cancelled || runner_ == &this_thread) return false;  // it may be the callback that cancels itself
  if (state == Entry::running) entry.state.compare_exchange_strong(state, Entry::awaited, std::memory_order_acquire);
  entry_ended_.wait(lock, [&] {
    const std::uint64_t first = first_sent_ - running_.size();
    return number < first || running_[number - first].state.load(std::memory_order_acquire) == Entry::ended;
  });
  return false;
}

bool Inbox::prepare_to_wait() noexcept {
  waiting_.store(true, std::memory_order_seq_cst);
  if (!filled_.load(std::memory_order_seq_cst)) return true;
  end_wait();
  return false;
}

void Inbox::close() noexcept {
  std::vector<Entry> dropped;
  {
    std::lock_guard lock(lock_);
    backend_ = nullptr;
    first_sent_ += sent_.size();
    std::swap(dropped, sent_);
    // What ran last lies further back than just before sent_ now, and nobody needs to find it any more.
    running_.clear();
  }
  while (const std::uint32_t wakers = wakers_.load(std::memory_order_acquire)) wakers_.wait(wakers);
}

bool ThreadsafeHandle::cancel() const noexcept { return inbox_ != nullptr && inbox_->cancel(number_); }

}  // namespace asyncio::inline ASYNCIO_ABI
