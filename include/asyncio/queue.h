// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/ring_buffer.h>
#include <asyncio/wait_queue.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI {

// Queue<T>, PriorityQueue<T> and LifoQueue<T>: items on their way from tasks that make them to tasks that use them.
//
//   Queue<std::string> urls(100);                // at most 100 at a time; Queue<std::string> urls; has no limit
//
//   Coro<> worker() {
//     while (auto url = co_await urls.next()) {  // ends at shutdown
//       co_await crawl(*url);
//       urls.task_done();
//     }
//   }
//   Coro<> crawl_all(std::vector<std::string> found) {
//     auto first = create_task(worker());
//     auto second = create_task(worker());
//     for (std::string& url : found) co_await urls.put(url);  // waits while the queue is full
//     co_await urls.join();                                   // until each has had its task_done()
//     urls.shutdown();                                        // the workers end
//   }
//
// T may be move-only. Items are destroyed by those who take them, or with the queue.
// Order: a Queue gives its oldest item first, a PriorityQueue the smallest, and of equal ones the oldest, a LifoQueue the
// youngest. Tasks that wait are served in the order in which they came: an item is handed to the first waiting getter,
// and a freed place to the first waiting putter, before anybody who comes later can take it.
// A cancel of a get() or put() that waits takes nothing and adds nothing; the item of the put() goes with it. A getter
// that has been given its item owns it, a putter whose item is in the queue has put it: a cancel after that lands at the
// task's next wait. So no item is lost or doubled by cancelling.
// Used by the tasks of one loop at a time: a task of another loop that would have to wait together with them gets
// RuntimeError. Not thread-safe: from another thread, loop.call_soon_threadsafe([&] { q.put_nowait(item); }).
// Python: asyncio.Queue, PriorityQueue, LifoQueue.

// How a queue is shut down.
struct QueueShutdownOptions {
  bool immediate = false;  // also throw away what is in the queue
};

// What the queues have in common, apart from their items.
class QueueBase {
 public:
  class Join;

  QueueBase(const QueueBase&) = delete;
  QueueBase& operator=(const QueueBase&) = delete;

  // How many items it holds at most; 0 or less: any number.
  int maxsize() const { return maxsize_; }

  // Says that the work on one item is finished: one call for each item that was put. Throws ValueError where there have
  // been as many calls as items.
  void task_done() {
    if (unfinished_ == 0) [[unlikely]]
      throw_surplus_task_done();
    joiners_.check_thread("Queue.task_done");
    finish(1);
  }

  // Waits until every item that was put has had its task_done(). Does not suspend where that is so. A cancel throws
  // CancelledError, and does nothing to the items.
  Join join();

 protected:
  explicit QueueBase(int maxsize);
  ~QueueBase() = default;

  void finish(std::size_t items) noexcept {
    unfinished_ -= items;
    if (unfinished_ == 0) joiners_.wake_all();
  }
  [[noreturn]] static void throw_surplus_task_done();
  [[noreturn]] static void throw_shut_down();
  [[noreturn]] static void throw_full();
  [[noreturn]] static void throw_empty();

  // A waiter of this kind was woken because its item has changed hands. One that has kept its own kind was woken by
  // shutdown().
  static const WaitKind served;

  WaitQueue getters_;  // empty unless the queue is
  WaitQueue putters_;  // empty unless the queue is full
  WaitQueue joiners_;
  std::size_t unfinished_ = 0;  // items that were put and have had no task_done()
  std::size_t limit_;
  int maxsize_;
  bool shut_down_ = false;
};

// The interface of the three queues. A Storage keeps the items, and decides which of them is next: push(item), pop(),
// size(), and a move constructor.
template <class T, class Storage>
class BasicQueue : public QueueBase {
 public:
  class Put;
  class Get;
  class Next;

  // Holds at most `maxsize` items; 0 or less: any number.
  explicit BasicQueue(int maxsize = 0) : QueueBase(maxsize) {}
  BasicQueue(int maxsize, Storage storage) : QueueBase(maxsize), items_(std::move(storage)) {}

  // Puts an item, and waits for a place while the queue is full. Throws QueueShutDown where it is, or is meanwhile, shut
  // down: the item is not put then.
  Put put(T item) { return Put(*this, std::move(item)); }

  // Takes the next item, and waits for one while the queue is empty. Throws QueueShutDown once it is shut down and empty.
  Get get() { return Get(*this); }

  // The same for a loop that ends with the queue: nothing, instead of QueueShutDown. Python: none; catch QueueShutDown.
  Next next() { return Next(*this); }

  // Puts an item without waiting. Throws QueueFull or QueueShutDown; an rvalue is not moved from then.
  template <class U = T>
    requires std::convertible_to<U&&, T>
  void put_nowait(U&& item) {
    if (shut_down_) [[unlikely]]
      throw_shut_down();
    if (full()) [[unlikely]]
      throw_full();
    put_now(std::forward<U>(item));
  }

  // Takes the next item without waiting. Throws QueueEmpty, or QueueShutDown where it is shut down and empty.
  T get_nowait() {
    if (empty()) [[unlikely]] {
      if (shut_down_) throw_shut_down();
      throw_empty();
    }
    return get_now();
  }

  int qsize() const { return static_cast<int>(items_.size()); }
  bool empty() const { return items_.size() == 0; }
  bool full() const { return items_.size() >= limit_; }

  // Ends the queue: nothing can be put from now on, and putters that wait get QueueShutDown. What it holds can still be
  // taken; after that, getters get QueueShutDown, and next() gives nothing. With {.immediate = true} what it holds is
  // thrown away, as if its work were finished: what was taken before still needs its task_done() for join() to end.
  // Can be called again, also to become immediate; there is no way back.
  void shutdown(const QueueShutdownOptions& options = {});

 private:
  template <class U>
  void put_now(U&& item) {
    if (!getters_.empty()) {
      getters_.check_thread("Queue.put");
      static_cast<Get&>(getters_.front()).receive(std::forward<U>(item));
      getters_.wake_one();
    } else {
      items_.push(std::forward<U>(item));
    }
    ++unfinished_;
  }
  T get_now() {
    putters_.check_thread("Queue.get");
    T item = items_.pop();
    if (!putters_.empty()) admit_putter();
    return item;
  }
  void admit_putter() {
    Put& first = static_cast<Put&>(putters_.front());
    items_.push(std::move(first.item_));
    ++unfinished_;
    first.kind_ = &served;
    putters_.wake_one();
  }

  Storage items_;
};

// Awaiting it puts the item; no coroutine frame, and no suspension where there is a place.
template <class T, class Storage>
class [[nodiscard("nothing is waited for: write co_await")]] BasicQueue<T, Storage>::Put : public WaitQueue::Waiter {
 public:
  static constexpr WaitKind kind = WaitQueue::kind("Queue.put");

  Put(BasicQueue& owner, T item) : Waiter(owner.putters_, kind), owner_(&owner), item_(std::move(item)) {}

  bool await_ready() {
    if (owner_->shut_down_) [[unlikely]]
      throw_shut_down();
    if (owner_->full()) return false;
    owner_->put_now(std::move(item_));
    return true;
  }
  void await_resume() {
    if (task() == nullptr || kind_ == &served) [[likely]]
      return;
    check();
    throw_shut_down();
  }

 private:
  friend BasicQueue;
  BasicQueue* owner_;
  T item_;
};

// Awaiting it takes an item; no coroutine frame, and no suspension where there is one.
template <class T, class Storage>
class [[nodiscard("nothing is waited for: write co_await")]] BasicQueue<T, Storage>::Get : public WaitQueue::Waiter {
 public:
  static constexpr WaitKind kind = WaitQueue::kind("Queue.get");

  explicit Get(BasicQueue& owner) : Waiter(owner.getters_, kind), owner_(&owner) {}
  Get(Get&& other) noexcept : Waiter(std::move(other)), owner_(other.owner_) {}
  ~Get() {
    if (kind_ == &served) std::destroy_at(std::addressof(item_));
  }

  bool await_ready() const { return !owner_->empty() || owner_->shut_down_; }
  T await_resume() {
    if (!has_item()) [[unlikely]]
      throw_shut_down();
    return take();
  }

 protected:
  // Whether there is an item to take(); not where the queue has ended.
  bool has_item() {
    if (task() == nullptr) return !owner_->empty();
    if (kind_ == &served) [[likely]]
      return true;
    check();
    return false;
  }
  T take() {
    if (task() == nullptr) return owner_->get_now();
    return std::move(item_);
  }

 private:
  friend BasicQueue;
  template <class U>
  void receive(U&& item) {
    std::construct_at(std::addressof(item_), std::forward<U>(item));
    kind_ = &served;
  }

  BasicQueue* owner_;
  union {
    T item_;  // exists while kind_ is `served`
  };
};

template <class T, class Storage>
class [[nodiscard("nothing is waited for: write co_await")]] BasicQueue<T, Storage>::Next : public Get {
 public:
  using Get::Get;
  std::optional<T> await_resume() {
    if (!this->has_item()) return std::nullopt;
    return this->take();
  }
};

class [[nodiscard("nothing is waited for: write co_await")]] QueueBase::Join : public WaitQueue::Waiter {
 public:
  static constexpr WaitKind kind = WaitQueue::kind("Queue.join");

  explicit Join(QueueBase& owner) : Waiter(owner.joiners_, kind), owner_(&owner) {}
  bool await_ready() const { return owner_->unfinished_ == 0; }
  void await_resume() {
    if (task() != nullptr) check_all();
  }

 private:
  QueueBase* owner_;
};

inline QueueBase::Join QueueBase::join() { return Join(*this); }

template <class T, class Storage>
void BasicQueue<T, Storage>::shutdown(const QueueShutdownOptions& options) {
  for (const WaitQueue* waiters : {&putters_, &getters_, &joiners_}) waiters->check_thread("Queue.shutdown");
  shut_down_ = true;
  putters_.wake_all();
  getters_.wake_all();
  if (!options.immediate) return;
  while (!empty()) {
    // Destroyed when the queue is consistent again: its destructor may call back.
    [[maybe_unused]] const T discarded = items_.pop();
    finish(1);
  }
}

// --- the three storages; that of Queue is RingBuffer

// Keeps equal items in the order in which they came.
template <class T, class Compare>
class PriorityStorage {
 public:
  explicit PriorityStorage(Compare less = {}) : less_(std::move(less)) {}

  std::size_t size() const { return heap_.size(); }

  template <class U>
  void push(U&& item) {
    heap_.emplace_back(std::forward<U>(item), next_number_++);
    std::size_t place = heap_.size() - 1;
    for (; place > 0 && before(heap_[place], heap_[(place - 1) / 2]); place = (place - 1) / 2)
      std::swap(heap_[place], heap_[(place - 1) / 2]);
  }

  T pop() {
    T item = std::move(heap_.front().item);
    if (heap_.size() > 1) heap_.front() = std::move(heap_.back());
    heap_.pop_back();
    for (std::size_t place = 0;;) {
      std::size_t first = place;
      for (std::size_t child = 2 * place + 1; child <= 2 * place + 2 && child < heap_.size(); ++child)
        if (before(heap_[child], heap_[first])) first = child;
      if (first == place) return item;
      std::swap(heap_[place], heap_[first]);
      place = first;
    }
  }

 private:
  struct Entry {
    template <class U>
    Entry(U&& value, std::uint64_t order) : item(std::forward<U>(value)), number(order) {}
    T item;
    std::uint64_t number;
  };
  bool before(const Entry& a, const Entry& b) const {
    if (less_(a.item, b.item)) return true;
    return a.number < b.number && !less_(b.item, a.item);
  }

  std::vector<Entry> heap_;  // the first is the next; an entry is before those at twice its place + 1 and + 2
  std::uint64_t next_number_ = 0;
  [[no_unique_address]] Compare less_;
};

// Gives what was pushed last.
template <class T>
class LifoStorage {
 public:
  std::size_t size() const { return items_.size(); }
  template <class U>
  void push(U&& item) {
    items_.push_back(std::forward<U>(item));
  }
  T pop() {
    T item = std::move(items_.back());
    items_.pop_back();
    return item;
  }

 private:
  std::vector<T> items_;
};

// --- the three queues: see the top of this page

// First in, first out.
template <class T>
class Queue : public BasicQueue<T, RingBuffer<T>> {
 public:
  using BasicQueue<T, RingBuffer<T>>::BasicQueue;
};

// The smallest first, and of equal ones the oldest. An item is smaller where less(item, other).
//
//   PriorityQueue<std::pair<int, std::string>> jobs;
//   co_await jobs.put({2, "tidy up"});
//   co_await jobs.put({1, "put out the fire"});  // taken first
template <class T, class Compare = std::less<T>>
class PriorityQueue : public BasicQueue<T, PriorityStorage<T, Compare>> {
 public:
  explicit PriorityQueue(int maxsize = 0, Compare less = {})
      : BasicQueue<T, PriorityStorage<T, Compare>>(maxsize, PriorityStorage<T, Compare>(std::move(less))) {}
};

// Last in, first out.
template <class T>
class LifoQueue : public BasicQueue<T, LifoStorage<T>> {
 public:
  using BasicQueue<T, LifoStorage<T>>::BasicQueue;
};

}  // namespace asyncio::inline ASYNCIO_ABI
