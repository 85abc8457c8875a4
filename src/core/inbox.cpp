// SPDX-License-Identifier: MIT
#include "core/inbox.h"

#include <asyncio/error.h>

#include "core/backend.h"
#include "core/report.h"

#include <utility>

// A cancel may come while the loop's thread is in the middle of a batch. Each entry of a batch is therefore taken under
// the lock: the callback is moved out of the vector, which is what decides between it and a cancel.

namespace asyncio::inline ASYNCIO_ABI {

std::uint64_t Inbox::append(Callback<void()> callback, bool& closed) {
  Entry entry{std::move(callback), Context::current()};
  bool wake = false;
  std::uint64_t number = 0;
  {
    std::lock_guard lock(mutex_);
    closed = backend_ == nullptr;
    if (closed) return 0;
    number = first_sent_ + sent_.size();
    sent_.push_back(std::move(entry));
    filled_.store(true, std::memory_order_seq_cst);
    wake = waiting_.load(std::memory_order_seq_cst) && waiting_.exchange(false, std::memory_order_relaxed);
    if (wake) backend_->wake();  // under the lock: close() must not take the backend away meanwhile
  }
  return number;
}

ThreadsafeHandle Inbox::send(Callback<void()> callback) {
  bool closed = false;
  const std::uint64_t number = append(std::move(callback), closed);
  if (closed) throw RuntimeError("the event loop is closed");
  retain();
  return ThreadsafeHandle(*this, number);
}

bool Inbox::try_send(Callback<void()> callback) {
  bool closed = false;
  append(std::move(callback), closed);
  return !closed;
}

void Inbox::run_all(LoopCore& loop) noexcept {
  {
    std::lock_guard lock(mutex_);
    std::swap(running_, sent_);
    current_ = first_sent_;
    first_sent_ += running_.size();
    filled_.store(false, std::memory_order_relaxed);
    runner_ = &this_thread;
  }
  for (Entry& slot : running_) {
    Entry entry;
    {
      std::lock_guard lock(mutex_);
      entry = std::move(slot);
      in_entry_ = true;
    }
    if (entry.callback)
      run_reporting(&loop, entry.context, "Exception in a callback from another thread", entry.callback);
    entry = Entry();  // before anybody is told that it has ended
    std::lock_guard lock(mutex_);
    in_entry_ = false;
    ++current_;
    if (waiting_for_end_ > 0) entry_ended_.notify_all();
  }
  std::lock_guard lock(mutex_);
  running_.clear();
}

bool Inbox::cancel(std::uint64_t number) noexcept {
  Entry dropped;  // destroyed without the lock
  std::unique_lock lock(mutex_);
  if (number >= first_sent_) {
    Entry& entry = sent_[number - first_sent_];
    if (!entry.callback) return false;
    dropped = std::exchange(entry, Entry());
    lock.unlock();
    return true;
  }
  const std::uint64_t first_running = first_sent_ - running_.size();
  if (number < first_running || number < current_) return false;
  if (number > current_ || !in_entry_) {
    Entry& entry = running_[number - first_running];
    if (!entry.callback) return false;
    dropped = std::exchange(entry, Entry());
    lock.unlock();
    return true;
  }
  if (runner_ == &this_thread) return false;  // called by the callback itself
  ++waiting_for_end_;
  entry_ended_.wait(lock, [&] { return current_ != number || !in_entry_; });
  --waiting_for_end_;
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
  std::lock_guard lock(mutex_);
  backend_ = nullptr;
  first_sent_ += sent_.size();
  std::swap(dropped, sent_);
}

ThreadsafeHandle::ThreadsafeHandle(const ThreadsafeHandle& other) noexcept
    : inbox_(other.inbox_), number_(other.number_) {
  if (inbox_ != nullptr) inbox_->retain();
}

ThreadsafeHandle::~ThreadsafeHandle() {
  if (inbox_ != nullptr) inbox_->release();
}

bool ThreadsafeHandle::cancel() const noexcept { return inbox_ != nullptr && inbox_->cancel(number_); }

}  // namespace asyncio::inline ASYNCIO_ABI
