// SPDX-License-Identifier: MIT
#include "loop/inbox.h"

#include <asyncio/error.h>

#include "backend/backend.h"
#include "base/fork.h"
#include "loop/step_watch.h"

#include <pthread.h>

#include <mutex>
#include <optional>
#include <utility>

// A cancel may come while the loop's thread is in the middle of a batch. What has been sent is changed under the lock
// only. What the loop has taken it runs without the lock, and says how far it is in progress_:
//   4 n      all before entry n have ended, and none runs
//   4 n + 2  the same, and entry n runs
//   + 1      a cancel waits for it to change
// For each entry the loop changes progress_, then looks whether the entry is cancelled; a cancel marks the entry, then
// looks at progress_. So one of the two sees the other. Where the loop sees a mark it asks again under the lock, which
// the cancel holds until it has found out whether it came in time.

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

namespace {
// More room than this is given back after a batch.
constexpr std::size_t kept_room = 4096;

constinit BriefLock unused_lock;
constinit Inbox* unused = nullptr;
constinit Inbox* made = nullptr;
}  // namespace

// No thread may be in the middle of something at the moment of a fork(): it would never come to its end in the child.
struct detail::InboxFork {
  static void lock_all() noexcept {
    unused_lock.lock();
    for (Inbox* inbox = made; inbox != nullptr; inbox = inbox->next_made_) inbox->lock_.lock();
  }
  static void unlock_all() noexcept {
    for (Inbox* inbox = made; inbox != nullptr; inbox = inbox->next_made_) inbox->lock_.unlock();
    unused_lock.unlock();
  }
  // What is sent to a loop of the parent from here on is refused; it would wake the parent for nothing.
  static void become_child() noexcept {
    for (Inbox* inbox = made; inbox != nullptr; inbox = inbox->next_made_) {
      if (inbox->backend_ == nullptr) continue;
      inbox->backend_ = nullptr;
      inbox->parents_ = true;
    }
    unlock_all();
  }
};

namespace {
[[maybe_unused]] const int registered =
    ::pthread_atfork(&InboxFork::lock_all, &InboxFork::unlock_all, &InboxFork::become_child);
}  // namespace

Inbox& Inbox::take(KernelBackend& backend) {
  Inbox* inbox = nullptr;
  {
    std::lock_guard lock(unused_lock);
    if (unused != nullptr) inbox = std::exchange(unused, unused->next_unused_);
  }
  if (inbox == nullptr) {
    inbox = new Inbox;
    std::lock_guard lock(unused_lock);
    inbox->next_made_ = std::exchange(made, inbox);
  }
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

// Under the lock. Gives the backend where the loop sleeps, to be woken without the lock.
KernelBackend* Inbox::note_filled() noexcept {
  // Where it was filled before, the loop has been told, or will look before it waits.
  if (filled_.load(std::memory_order_relaxed)) return nullptr;
  filled_.store(true, std::memory_order_seq_cst);
  if (!waiting_.load(std::memory_order_seq_cst) || !waiting_.exchange(false, std::memory_order_relaxed)) return nullptr;
  wakers_.fetch_add(1, std::memory_order_relaxed);
  return backend_;
}

void Inbox::wake(KernelBackend* sleeping) noexcept {
  if (sleeping == nullptr) return;
  sleeping->wake();  // without the lock: it is the first thing that the loop wants to have then
  wakers_.fetch_sub(1, std::memory_order_release);
  wakers_.notify_all();
}

ThreadsafeHandle Inbox::send(Callback<void()>&& callback) {
  Context context = Context::current();
  KernelBackend* sleeping = nullptr;
  std::uint64_t number = 0;
  {
    std::lock_guard lock(lock_);
    if (backend_ == nullptr && parents_) throw_parents_loop();
    if (backend_ == nullptr) throw RuntimeError("the event loop is closed");
    number = first_sent_ + sent_.size();
    sent_.emplace_back(std::move(callback), std::move(context));
    sleeping = note_filled();
  }
  wake(sleeping);
  return ThreadsafeHandle(*this, number);
}

void Inbox::post(Message& message) noexcept {
  KernelBackend* sleeping = nullptr;
  {
    std::unique_lock lock(lock_);
    if (backend_ == nullptr) {
      lock.unlock();
      return message.drop();
    }
    message.before_ = first_sent_ + sent_.size();
    message.next_ = nullptr;
    *messages_end_ = &message;
    messages_end_ = &message.next_;
    sleeping = note_filled();
  }
  wake(sleeping);
}

void Inbox::run_messages(Message*& first, std::uint64_t before) noexcept {
  while (first != nullptr && first->before_ <= before) {
    Message& message = *first;
    first = message.next_;  // it may be gone when it has arrived
    // A result that it brings is moved, and dropped where nobody waits for it, and may have a user's code for that.
    Context nobodys;
    const Context::Entered entered(nobodys);
    message.arrive();
  }
}

void Inbox::run_all(LoopCore& loop) noexcept {
  std::vector<Entry> finished;
  Message* messages = nullptr;
  {
    std::lock_guard lock(lock_);
    finished.swap(running_);
    running_.swap(sent_);
    sent_.swap(spare_);
    first_sent_ += running_.size();
    messages = std::exchange(messages_, nullptr);
    messages_end_ = &messages_;
    filled_.store(false, std::memory_order_relaxed);
    runner_ = &this_thread;
  }
  finished.clear();
  if (finished.capacity() <= kept_room) spare_ = std::move(finished);
  std::uint64_t number = first_sent_ - running_.size();
  for (Entry& entry : running_) {
    if (this_thread.loop == nullptr) [[unlikely]]
      break;  // the last one has called fork(), and this is the child
    run_messages(messages, number);
    move_progress(4 * number++ + 2);
    if (entry.cancelled.load(std::memory_order_seq_cst) && is_cancelled(entry)) continue;
    run_last_timed(loop, entry.callback, "Exception in a callback from another thread");
  }
  move_progress(4 * number);
  run_messages(messages, number);
}

void Inbox::move_progress(std::uint64_t to) noexcept {
  if ((progress_.exchange(to, std::memory_order_seq_cst) & 1) != 0) [[unlikely]]
    progress_.notify_all();
}

bool Inbox::is_cancelled(const Entry& entry) noexcept {
  std::lock_guard lock(lock_);
  return entry.cancelled.load(std::memory_order_relaxed);
}

bool Inbox::cancel(std::uint64_t number) noexcept {
  std::optional<BoundCallback<void()>> dropped;  // destroyed without the lock
  std::unique_lock lock(lock_);
  const std::uint64_t runs = 4 * number + 2;
  if (progress_.load(std::memory_order_acquire) > runs + 1) return false;
  const std::uint64_t first_running = first_sent_ - running_.size();
  Entry& entry = number < first_sent_ ? running_[number - first_running] : sent_[number - first_sent_];
  if (entry.cancelled.exchange(true, std::memory_order_seq_cst)) return false;
  std::uint64_t progress = progress_.load(std::memory_order_seq_cst);
  if (progress < runs) {
    dropped.emplace(std::move(entry.callback));
    return true;
  }
  entry.cancelled.store(false, std::memory_order_relaxed);
  if (runner_ == &this_thread || parents_) return false;  // the callback cancels itself, or its thread is not here
  lock.unlock();
  if (progress == runs && progress_.compare_exchange_strong(progress, runs + 1)) progress = runs + 1;
  while (progress == runs + 1) {
    progress_.wait(progress, std::memory_order_acquire);
    progress = progress_.load(std::memory_order_acquire);
  }
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
  Message* messages = nullptr;
  {
    std::lock_guard lock(lock_);
    backend_ = nullptr;
    messages = std::exchange(messages_, nullptr);
    messages_end_ = &messages_;
    first_sent_ += sent_.size();
    std::swap(dropped, sent_);
    progress_.store(4 * first_sent_, std::memory_order_release);
    running_.clear();  // it lies further back than just before sent_ now
  }
  Context nobodys;
  const Context::Entered entered(nobodys);
  while (messages != nullptr) std::exchange(messages, messages->next_)->drop();
  while (const std::uint32_t wakers = wakers_.load(std::memory_order_acquire)) wakers_.wait(wakers);
}

bool ThreadsafeHandle::cancel() const noexcept { return inbox_ != nullptr && inbox_->cancel(number_); }

}  // namespace asyncio::inline ASYNCIO_ABI
