// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/bound_callback.h>
#include <asyncio/handle.h>

#include "base/brief_lock.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI::detail {

class KernelBackend;
struct InboxFork;

// What other threads have sent to a loop. They append to one vector under a lock; the loop takes the whole vector and
// runs what is in it, without the lock. Entries are numbered through, so that a handle needs no memory of its own.
// A message of the library's own is an object that was made beforehand, and is linked in: the result of a thread, say,
// for which somebody waits, must not get lost for want of memory. It keeps its place among the entries.
// An inbox is never freed: the next loop takes over the one of a loop that has gone, and the numbers go on. So a handle
// may outlive its loop without being counted: its number is in the past then.
class Inbox {
 public:
  // For a new loop, who has the first reference. While there are references no other loop gets it.
  static Inbox& take(KernelBackend& backend);
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  // Any thread. Throws RuntimeError where the loop is closed.
  ThreadsafeHandle send(Callback<void()>&& callback);
  struct Release {
    void operator()(Inbox* inbox) const noexcept { inbox->release(); }
  };

  class Message;
  // Any thread. The inbox owns the message from now on, and calls drop() at once where the loop is closed.
  void post(Message& message) noexcept;
  bool cancel(std::uint64_t number) noexcept;

  void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept;

  // The loop's thread.
  bool empty() const { return !filled_.load(std::memory_order_relaxed); }
  void run_all(LoopCore& loop) noexcept;
  // The loop is about to wait: from here on send() wakes it. False where something has come meanwhile.
  bool prepare_to_wait() noexcept;
  void end_wait() noexcept { waiting_.store(false, std::memory_order_relaxed); }
  void close() noexcept;

 private:
  struct Entry {
    Entry(Callback<void()>&& given, Context&& inherited) : callback(std::move(given), std::move(inherited)) {}
    Entry(Entry&& other) noexcept  // for the vector, which grows under the lock
        : callback(std::move(other.callback)), cancelled(other.cancelled.load(std::memory_order_relaxed)) {}

    BoundCallback<void()> callback;
    std::atomic<bool> cancelled = false;
  };

  friend struct InboxFork;
  Inbox() = default;
  ~Inbox() = default;
  KernelBackend* note_filled() noexcept;
  void wake(KernelBackend* sleeping) noexcept;
  static void run_messages(Message*& first, std::uint64_t before) noexcept;
  bool is_cancelled(const Entry& entry) noexcept;
  void move_progress(std::uint64_t to) noexcept;

  BriefLock lock_;
  std::atomic<bool> filled_ = false;
  std::atomic<bool> waiting_ = false;
  std::atomic<std::uint32_t> wakers_ = 0;  // threads that use the backend without the lock
  std::vector<Entry> sent_;
  std::uint64_t first_sent_ = 0;  // the number of sent_[0]
  Message* messages_ = nullptr;   // first to last, and
  Message** messages_end_ = &messages_;
  KernelBackend* backend_ = nullptr;  // null once closed

  // The batch that runs, or the last one; just before sent_ in numbers. Its size changes under the lock.
  std::vector<Entry> running_;
  std::vector<Entry> spare_;      // empty, with room for the next batch
  const void* runner_ = nullptr;  // of the thread that runs it
  // How far the loop is: see inbox.cpp. On a line of its own, because it changes with each entry.
  alignas(64) std::atomic<std::uint64_t> progress_ = 0;

  alignas(64) std::atomic<std::uint32_t> references_ = 1;
  Inbox* next_unused_ = nullptr;
  Inbox* next_made_ = nullptr;  // all inboxes are in one list
  bool parents_ = false;        // this is the child of a fork(), and the inbox was that of a loop of the parent
};

class Inbox::Message {
 public:
  virtual void arrive() noexcept = 0;  // in the loop's thread
  virtual void drop() noexcept = 0;    // instead of that; in any thread

 protected:
  ~Message() = default;

 private:
  friend class Inbox;
  Message* next_ = nullptr;
  std::uint64_t before_ = 0;  // the number of the entry that was sent next
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
