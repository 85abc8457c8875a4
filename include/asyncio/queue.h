// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/kept.h>
#include <asyncio/ring_buffer.h>
#include <asyncio/wait_queue.h>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
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
// What an item does may fail: where its constructor, or the comparison of a PriorityQueue, throws, the exception comes out
// of the call, or at the await, for which that was done, and the queue is as it was before; an item that could not be
// moved out is the next one again. The constructor and the destructor of an item may use the queue, a comparison may not.
// Used by the tasks of one loop at a time: a task of another loop that would have to wait together with them gets
// RuntimeError. Not thread-safe: from another thread, loop.call_soon_threadsafe([&] { q.put_nowait(item); }).
// Python: asyncio.Queue, PriorityQueue, LifoQueue.

// How a queue is shut down.
struct QueueShutdownOptions {
  bool immediate = false;  // also throw away what is in the queue
};

namespace detail {

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
  static const lowlevel::WaitKind served;

  lowlevel::WaitQueue getters_;  // empty unless the queue is
  lowlevel::WaitQueue putters_;  // empty unless the queue is full
  lowlevel::WaitQueue handed_;   // getters that have got their item, and have not run yet; where that may come back
  lowlevel::WaitQueue joiners_;
  std::size_t leaving_ = 0;     // items that are being moved out; each keeps its place until that has been done
  std::size_t unfinished_ = 0;  // items that were put and have had no task_done()
  std::size_t limit_;
  int maxsize_;
  bool shut_down_ = false;
};

}  // namespace detail

// The interface of the three queues. A Storage keeps the items, and decides which of them is next:
//   push(Kept<T>&&)        adds one; where that throws, nothing has changed
//   pop()                  takes the next; the same
//   push_front(Kept<T>&&)  gives back what pop() gave: it is the next one again
//   drop()                 takes any one; it does not throw
//   make_room(count)       so many push() and push_front() will not fail for want of memory
//   may_throw              whether push() may for another reason
// and size(), and a move constructor.
template <class T, class Storage>
class BasicQueue : private detail::QueueBase {
 public:
  using QueueBase::join;
  using QueueBase::maxsize;
  using QueueBase::task_done;

  class Put;
  class Get;
  class Next;

  // Holds at most `maxsize` items; 0 or less: any number.
  explicit BasicQueue(int maxsize = 0) : QueueBase(maxsize) {}
  BasicQueue(int maxsize, Storage storage) : QueueBase(maxsize), items_(std::move(storage)) {}

  // Puts an item, and waits for a place while the queue is full. Throws QueueShutDown where it is, or is meanwhile, shut
  // down: the item is not put then.
  Put put(T item) { return Put(*this, std::in_place, std::move(item)); }

  // The same for an item that is made of `args`, now. Python: none.
  template <class... Args>
    requires std::constructible_from<T, Args&&...>
  Put emplace(Args&&... args) {
    return Put(*this, std::in_place, std::forward<Args>(args)...);
  }

  // Takes the next item, and waits for one while the queue is empty. Throws QueueShutDown once it is shut down and empty.
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
  void emplace_nowait(Args&&... args) {
    require_place();
    if (getters_.empty()) items_.make_room(leaving_ + 1);  // before the item is moved
    detail::Kept<T> item(std::in_place, std::forward<Args>(args)...);
    if constexpr (!detail::is_plain<T>) require_place();  // its constructor may have taken it
    put_now(item);
  }

  // Takes the next item without waiting. Throws QueueEmpty, or QueueShutDown where it is shut down and empty.
  T get_nowait() {
    if (empty()) [[unlikely]] {
      if (shut_down_) throw_shut_down();
      throw_empty();
    }
    return get_now<T>();
  }

  int qsize() const { return static_cast<int>(items_.size()); }
  bool empty() const { return items_.size() == 0; }
  bool full() const { return items_.size() + leaving() >= limit_; }

  // Ends the queue: nothing can be put from now on, and putters that wait get QueueShutDown. What it holds can still be
  // taken; after that, getters get QueueShutDown, and next() gives nothing. With {.immediate = true} what it holds is
  // thrown away, as if its work were finished: what was taken before still needs its task_done() for join() to end.
  // Can be called again, also to become immediate; there is no way back.
  void shutdown(const QueueShutdownOptions& options = {});

 private:
  // Whether pop() gives what is moved out for good.
  static constexpr bool moves_out = detail::is_plain<T> || std::is_nothrow_move_constructible_v<T>;

  std::size_t leaving() const {
    if constexpr (detail::is_plain<T>) {
      return 0;
    } else {
      return leaving_;
    }
  }
  void require_place() const {
    if (shut_down_) [[unlikely]]
      throw_shut_down();
    if (full()) [[unlikely]]
      throw_full();
  }

  void put_now(detail::Kept<T>& item) {
    if (!getters_.empty()) {
      getters_.check_thread("Queue.put");
      serve(item);
    } else {
      items_.make_room(leaving() + 1);
      items_.push(std::move(item));
    }
    ++unfinished_;
  }
  // Hands an item to the first waiting getter.
  void serve(detail::Kept<T>& item) noexcept {
    Get& first = static_cast<Get&>(getters_.front());
    first.item_ = std::move(item);
    first.kind_ = &served;
    if constexpr (moves_out) {
      getters_.wake_one();
    } else {
      handed_.transfer(first);
      first.wake();
    }
  }

  // R: T, or a std::optional of it, made of the item in one step.
  template <class R>
  R get_now() {
    putters_.check_thread("Queue.get");
    detail::Kept<T> item = items_.pop();
    if constexpr (detail::is_plain<T>) {
      if (!putters_.empty()) admit_putters();
      return R(*item);
    } else {
      Leaving leaving(*this, item);
      return R(std::move(*item));
    }
  }
  // An item that is on its way from the queue to a getter, and comes back if it cannot be moved.
  class Leaving {
   public:
    Leaving(BasicQueue& queue, detail::Kept<T>& item) : queue_(queue), item_(item) { ++queue_.leaving_; }
    Leaving(const Leaving&) = delete;
    ~Leaving() {
      --queue_.leaving_;
      if constexpr (!moves_out) {
        if (std::uncaught_exceptions() > exceptions_) {
          queue_.give_back(item_);
          return;
        }
      }
      if (!queue_.putters_.empty()) queue_.admit_putters();
    }

   private:
    BasicQueue& queue_;
    detail::Kept<T>& item_;
    int exceptions_ = moves_out ? 0 : std::uncaught_exceptions();
  };
  void give_back(detail::Kept<T>& item) noexcept {
    if (!getters_.empty()) return serve(item);
    try {
      items_.make_room(leaving_ + 1);
      items_.push_front(std::move(item));
    } catch (...) {
      finish(1);  // there is no memory to keep it
    }
  }
  // For places that have become free. A putter whose item cannot be put gets to know why.
  void admit_putters() noexcept {
    while (!putters_.empty() && !full()) {
      Put& first = static_cast<Put&>(putters_.front());
      if constexpr (Put::may_fail) {
        try {
          items_.make_room(leaving() + 1);
          items_.push(std::move(first.item_));
        } catch (...) {
          first.error_ = std::current_exception();
          putters_.wake_one();
          continue;
        }
      } else {
        items_.push(std::move(first.item_));  // into the room of the one that has gone
      }
      ++unfinished_;
      first.kind_ = &served;
      putters_.wake_one();
    }
  }

  Storage items_;
};

// Awaiting it puts the item; no coroutine frame, and no suspension where there is a place.
template <class T, class Storage>
class [[nodiscard("nothing is waited for: write co_await")]] BasicQueue<T, Storage>::Put
    : public lowlevel::QueuedWaiter {
 public:
  static constexpr lowlevel::WaitKind kind = lowlevel::WaitQueue::kind("Queue.put");

  template <class... Args>
  Put(BasicQueue& owner, std::in_place_t, Args&&... args)
      : QueuedWaiter(owner.putters_, kind), owner_(&owner), item_(std::in_place, std::forward<Args>(args)...) {}

  bool await_ready() {
    if (owner_->shut_down_) [[unlikely]]
      throw_shut_down();
    if (owner_->full()) return false;
    owner_->put_now(item_);
    return true;
  }
  void await_resume() {
    if (task() == nullptr || kind_ == &served) [[likely]]
      return;
    check();
    if constexpr (may_fail) {
      if (error_ != nullptr) std::rethrow_exception(error_);
    }
    throw_shut_down();
  }

 private:
  friend BasicQueue;
  static constexpr bool may_fail = Storage::may_throw || !detail::is_plain<T>;
  struct Nothing {};

  BasicQueue* owner_;
  detail::Kept<T> item_;
  [[no_unique_address]] std::conditional_t<may_fail, std::exception_ptr, Nothing> error_;
};

// Awaiting it takes an item; no coroutine frame, and no suspension where there is one.
template <class T, class Storage>
class [[nodiscard("nothing is waited for: write co_await")]] BasicQueue<T, Storage>::Get
    : public lowlevel::QueuedWaiter {
 public:
  static constexpr lowlevel::WaitKind kind = lowlevel::WaitQueue::kind("Queue.get");

  explicit Get(BasicQueue& owner) : QueuedWaiter(owner.getters_, kind), owner_(&owner) {}
  Get(Get&& other) noexcept : QueuedWaiter(std::move(other)), owner_(other.owner_) {}
  ~Get() {
    if constexpr (!moves_out) {
      if (kind_ == &served) this->unlink();
    }
  }

  bool await_ready() const { return !owner_->empty() || owner_->shut_down_; }
  T await_resume() {
    if (!has_item()) [[unlikely]]
      throw_shut_down();
    return take<T>();
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
  template <class R>
  R take() {
    if (task() == nullptr) return owner_->template get_now<R>();
    if constexpr (moves_out) {
      return R(std::move(*item_));  // the queue may have gone
    } else {
      Returning returning(*this);
      return R(std::move(*item_));
    }
  }

 private:
  friend BasicQueue;

  // Brings the item back to the queue, if that is still there, where it cannot be moved.
  struct Returning {
    explicit Returning(Get& one) : get(one) {}
    Returning(const Returning&) = delete;
    ~Returning() {
      const bool queue_is_there = !get.alone();
      get.unlink();
      if (queue_is_there && std::uncaught_exceptions() > exceptions) get.owner_->give_back(get.item_);
    }
    Get& get;
    int exceptions = std::uncaught_exceptions();
  };

  BasicQueue* owner_;
  detail::Kept<T> item_;  // where kind_ is `served`
};

template <class T, class Storage>
class [[nodiscard("nothing is waited for: write co_await")]] BasicQueue<T, Storage>::Next : public Get {
 public:
  using Get::Get;
  std::optional<T> await_resume() {
    if (!this->has_item()) return std::nullopt;
    return this->template take<std::optional<T>>();
  }
};

namespace detail {

class [[nodiscard("nothing is waited for: write co_await")]] QueueBase::Join : public lowlevel::QueuedWaiter {
 public:
  static constexpr lowlevel::WaitKind kind = lowlevel::WaitQueue::kind("Queue.join");

  explicit Join(QueueBase& owner) : QueuedWaiter(owner.joiners_, kind), owner_(&owner) {}
  bool await_ready() const { return owner_->unfinished_ == 0; }
  void await_resume() {
    if (task() != nullptr) check_all();
  }

 private:
  QueueBase* owner_;
};

inline QueueBase::Join QueueBase::join() { return Join(*this); }

}  // namespace detail

template <class T, class Storage>
void BasicQueue<T, Storage>::shutdown(const QueueShutdownOptions& options) {
  for (const lowlevel::WaitQueue* waiters : {&putters_, &getters_, &joiners_}) waiters->check_thread("Queue.shutdown");
  shut_down_ = true;
  putters_.wake_all();
  getters_.wake_all();
  if (!options.immediate) return;
  while (!empty()) {
    // Destroyed when the queue is consistent again: its destructor may call back.
    [[maybe_unused]] const detail::Kept<T> discarded = items_.drop();
    finish(1);
  }
}

// --- the three storages

namespace detail {

// Gives what was pushed first.
template <class T>
class FifoStorage : public RingBuffer<Kept<T>> {
 public:
  static constexpr bool may_throw = false;
  Kept<T> drop() noexcept { return this->pop(); }
};

// Keeps equal items in the order in which they came. All comparisons come first, and then the changes.
template <class T, class Compare>
class PriorityStorage {
 public:
  static constexpr bool may_throw = true;

  explicit PriorityStorage(Compare less = {}) : less_(std::move(less)) {}

  std::size_t size() const { return heap_.size(); }
  void make_room(std::size_t count) {
    if (heap_.size() + count > heap_.capacity()) heap_.reserve(std::max(heap_.size() + count, 2 * heap_.capacity()));
  }

  void push(Kept<T>&& item) {
    make_room(1);
    std::size_t place = heap_.size();
    while (place > 0 && before(*item, next_number_, heap_[parent_of(place)])) place = parent_of(place);
    insert(place, {std::move(item), next_number_++});
  }
  void push_front(Kept<T>&& item) noexcept { insert(0, {std::move(item), --first_number_}); }

  Kept<T> pop() {
    // The last entry takes the place of the first, and sinks to where it belongs. A bit of `way` for each step down.
    const std::size_t last = heap_.size() - 1;
    std::uint64_t way = 0;
    unsigned steps = 0;
    for (std::size_t place = 0; 2 * place + 1 < last; ++steps) {
      std::size_t child = 2 * place + 1;
      if (child + 1 < last && before(*heap_[child + 1].item, heap_[child + 1].number, heap_[child])) ++child;
      if (!before(*heap_[child].item, heap_[child].number, heap_[last])) break;
      way |= static_cast<std::uint64_t>(child % 2 == 0) << steps;
      place = child;
    }
    Kept<T> first = std::move(heap_[0].item);
    std::size_t hole = 0;
    for (unsigned step = 0; step < steps; ++step) {
      const std::size_t child = 2 * hole + 1 + (way >> step & 1);
      heap_[hole] = std::move(heap_[child]);
      hole = child;
    }
    if (hole != last) heap_[hole] = std::move(heap_[last]);
    heap_.pop_back();
    return first;
  }
  Kept<T> drop() noexcept {
    Kept<T> item = std::move(heap_.back().item);
    heap_.pop_back();
    return item;
  }

 private:
  struct Entry {
    Kept<T> item;
    std::int64_t number;
  };
  static std::size_t parent_of(std::size_t place) { return (place - 1) / 2; }
  bool before(const T& item, std::int64_t number, const Entry& other) const {
    if (less_(item, *other.item)) return true;
    return number < other.number && !less_(*other.item, item);
  }
  // At a place between a new leaf and the root, where those on the way from there go down by one.
  void insert(std::size_t place, Entry&& entry) noexcept {
    std::size_t hole = heap_.size();
    heap_.emplace_back();  // there is room
    for (; hole != place; hole = parent_of(hole)) heap_[hole] = std::move(heap_[parent_of(hole)]);
    heap_[hole] = std::move(entry);
  }

  std::vector<Entry> heap_;  // the first is the next; an entry is before those at twice its place + 1 and + 2
  std::int64_t next_number_ = 0;
  std::int64_t first_number_ = 0;
  [[no_unique_address]] Compare less_;
};

// Gives what was pushed last.
template <class T>
class LifoStorage {
 public:
  static constexpr bool may_throw = false;
  std::size_t size() const { return items_.size(); }
  void make_room(std::size_t count) {
    if (items_.size() + count > items_.capacity())
      items_.reserve(std::max(items_.size() + count, 2 * items_.capacity()));
  }
  void push(Kept<T>&& item) { items_.push_back(std::move(item)); }
  void push_front(Kept<T>&& item) noexcept { items_.push_back(std::move(item)); }
  Kept<T> pop() noexcept {
    Kept<T> item = std::move(items_.back());
    items_.pop_back();
    return item;
  }
  Kept<T> drop() noexcept { return pop(); }

 private:
  std::vector<Kept<T>> items_;
};

}  // namespace detail

// --- the three queues: see the top of this page

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
