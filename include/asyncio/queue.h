// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/kept.h>
#include <asyncio/detail/queue_base.h>
#include <asyncio/detail/queue_storage.h>

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

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
// Order: a Queue gives its oldest item first, a PriorityQueue the smallest, and of equal ones the oldest, a LifoQueue
// the youngest. Tasks that wait are served in the order in which they came: an item is handed to the first waiting
// getter, and a freed place to the first waiting putter, before anybody who comes later can take it.
// A cancel of a get() or put() that waits takes nothing and adds nothing; the item of the put() goes with it. A getter
// that has been given its item owns it, a putter whose item is in the queue has put it: a cancel after that lands at
// the task's next wait. So no item is lost or doubled by cancelling.
// What an item does may fail: where its constructor, or the comparison of a PriorityQueue, throws, the exception comes
// out of the call, or at the await, for which that was done, and the queue is as it was before; an item that could not
// be moved out is the next one again. The constructor and the destructor of an item may use the queue, a comparison may
// not. Used by the tasks of one loop at a time: a task of another loop that would have to wait together with them gets
// RuntimeError. Not thread-safe: from another thread, loop.call_soon_threadsafe([&] { q.put_nowait(item); }).
// Python: asyncio.Queue, PriorityQueue, LifoQueue.

// How a queue is shut down.
struct QueueShutdownOptions {
  bool immediate = false;  // also throw away what is in the queue
};

// The interface of the three queues. Storage: which item is the next one.
template <class T, class Storage>
class BasicQueue : private detail::QueueBase {
 public:
  class Put;
  class Get;
  class Next;

  // Holds at most `maxsize` items; 0 or less: any number.
  explicit BasicQueue(int maxsize = 0) : QueueBase(maxsize) {}
  BasicQueue(int maxsize, Storage storage) : QueueBase(maxsize), items_(std::move(storage)) {}

  // Puts an item, and waits for a place while the queue is full. Throws QueueShutDown where it is, or is meanwhile,
  // shut down: the item is not put then.
  Put put(T item) { return Put(*this, std::in_place, std::move(item)); }

  // The same for an item that is made of `args`, now. Python: none.
  template <class... Args>
    requires std::constructible_from<T, Args&&...>
  Put emplace(Args&&... args) {
    return Put(*this, std::in_place, std::forward<Args>(args)...);
  }

  // Takes the next item, and waits for one while the queue is empty. Throws QueueShutDown once it is shut down and
  // empty.
  Get get() { return Get(*this); }

  // The same for a loop that ends with the queue: nothing, instead of QueueShutDown. Python: none; catch QueueShutDown.
  Next next() { return Next(*this); }

  // Puts an item without waiting. Throws QueueFull or QueueShutDown; an rvalue is not moved from then.
  template <class U = T>
    requires std::convertible_to<U&&, T>
  void put_nowait(U&& item) {
    emplace_nowait(std::forward<U>(item));
  }
  // The same for an item that is made of `args`, if there is a place. Python: none.
  template <class... Args>
    requires std::constructible_from<T, Args&&...>
  void emplace_nowait(Args&&... args);

  // Takes the next item without waiting. Throws QueueEmpty, or QueueShutDown where it is shut down and empty.
  T get_nowait();

  // How many items it holds at most; 0 or less: any number.
  using QueueBase::maxsize;
  int qsize() const { return static_cast<int>(items_.size()); }
  bool empty() const { return items_.size() == 0; }
  bool full() const { return items_.size() + leaving() >= limit_; }

  // Says that the work on one item is finished: one call for each item that was put. Throws ValueError where there have
  // been as many calls as items.
  using QueueBase::task_done;

  // Waits until every item that was put has had its task_done(). Does not suspend where that is so. A cancel throws
  // CancelledError, and does nothing to the items.
  using QueueBase::join;

  // Ends the queue: nothing can be put from now on, and putters that wait get QueueShutDown. What it holds can still be
  // taken; after that, getters get QueueShutDown, and next() gives nothing. With {.immediate = true} what it holds is
  // thrown away, as if its work were finished: what was taken before still needs its task_done() for join() to end.
  // Can be called again, also to become immediate; there is no way back.
  void shutdown(const QueueShutdownOptions& options = {});

 private:
  // Whether pop() gives what is moved out for good.
  static constexpr bool moves_out = detail::is_plain<T> || std::is_nothrow_move_constructible_v<T>;

  class Leaving;

  std::size_t leaving() const;
  void require_place() const;

  void put_now(detail::Kept<T>& item);
  // Hands an item to the first waiting getter.
  void serve(detail::Kept<T>& item) noexcept;

  // R: T, or a std::optional of it, made of the item in one step.
  template <class R>
  R get_now();
  void give_back(detail::Kept<T>& item) noexcept;
  // For places that have become free. A putter whose item cannot be put gets to know why.
  void admit_putters() noexcept;

  Storage items_;
};

// First in, first out.
template <class T>
class Queue : public BasicQueue<T, detail::FifoStorage<T>> {
 public:
  using BasicQueue<T, detail::FifoStorage<T>>::BasicQueue;
};

// The smallest first, and of equal ones the oldest. An item is smaller where less(item, other).
//
//   PriorityQueue<std::pair<int, std::string>> jobs;
//   co_await jobs.put({2, "tidy up"});
//   co_await jobs.put({1, "put out the fire"});  // taken first
template <class T, class Compare = std::less<T>>
class PriorityQueue : public BasicQueue<T, detail::PriorityStorage<T, Compare>> {
 public:
  explicit PriorityQueue(int maxsize = 0, Compare less = {})
      : BasicQueue<T, detail::PriorityStorage<T, Compare>>(maxsize,
                                                           detail::PriorityStorage<T, Compare>(std::move(less))) {}
};

// Last in, first out.
template <class T>
class LifoQueue : public BasicQueue<T, detail::LifoStorage<T>> {
 public:
  using BasicQueue<T, detail::LifoStorage<T>>::BasicQueue;
};

}  // namespace asyncio::inline ASYNCIO_ABI

#include <asyncio/detail/queue.h>
