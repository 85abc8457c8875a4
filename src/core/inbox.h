// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/callback.h>
#include <asyncio/context.h>
#include <asyncio/handle.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI {

class KernelBackend;

// What other threads have sent to a loop. They append to one vector under a lock; the loop takes the whole vector and
// runs what is in it, without the lock. Entries are numbered through, so that a handle needs no memory of its own.
// It outlives the loop for as long as there are handles.
class Inbox {
 public:
  explicit Inbox(KernelBackend& backend) : backend_(&backend) {}
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  // Any thread. Throws RuntimeError where the loop is closed.
  ThreadsafeHandle send(Callback<void()> callback);
  // The same for the library's own messages, which are dropped where the loop is closed: false then.
  bool try_send(Callback<void()> callback);
  bool cancel(std::uint64_t number) noexcept;

  void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  // The loop's thread.
  bool empty() const { return !filled_.load(std::memory_order_relaxed); }
  void run_all(LoopCore& loop) noexcept;
  // The loop is about to wait: from here on send() wakes it. False where something has come meanwhile.
  bool prepare_to_wait() noexcept;
  void end_wait() noexcept { waiting_.store(false, std::memory_order_relaxed); }
  void close() noexcept;

 private:
  ~Inbox() = default;

  struct Entry {
    Callback<void()> callback;  // empty once cancelled
    Context context;
  };

  std::uint64_t append(Callback<void()> callback, bool& closed);

  std::mutex mutex_;
  std::vector<Entry> sent_;
  std::uint64_t first_sent_ = 0;  // the number of sent_[0]
  KernelBackend* backend_;        // null once closed
  std::atomic<bool> filled_ = false;
  std::atomic<bool> waiting_ = false;

  // Of the loop's thread, and under the lock where others look.
  std::vector<Entry> running_;
  std::uint64_t current_ = ~std::uint64_t{0};  // the number of the entry that runs, or is next
  bool in_entry_ = false;
  const void* runner_ = nullptr;  // of the thread that runs it
  std::condition_variable entry_ended_;
  int waiting_for_end_ = 0;

  alignas(64) std::atomic<std::uint32_t> references_ = 1;
};

}  // namespace asyncio::inline ASYNCIO_ABI
