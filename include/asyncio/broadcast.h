// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/kept.h>
#include <asyncio/detail/ring_buffer.h>
#include <asyncio/lowlevel/wait_queue.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

// Thrown by Subscription::next() where items were overwritten before they were read.
class Lagged : public std::exception {
 public:
  explicit Lagged(std::uint64_t count)
      : count_(count), text_(std::make_shared<const std::string>("lost " + std::to_string(count) + " items")) {}
  Lagged(const Lagged&) = default;  // and nothing else: one that is moved stays what it was
  Lagged& operator=(const Lagged&) = default;
  // How many.
  std::uint64_t count() const noexcept { return count_; }
  const char* what() const noexcept override { return text_->c_str(); }

 private:
  std::uint64_t count_;
  std::shared_ptr<const std::string> text_;
};

// What is sent goes to every subscriber, and nobody has to wait for the slowest.
//
//   Broadcast<Price> prices(64);
//
//   Coro<> show(Broadcast<Price>::Subscription subscription) {
//     while (auto price = co_await subscription.next()) draw(*price);
//   }
//
//   auto display = create_task(show(prices.subscribe()));
//   prices.send(price);  // a plain call, from a callback as well
//   prices.close();      // show() ends when it has drawn what there is
//
// A subscriber gets a copy of every item that is sent after subscribe(), in order. The last `capacity` items are kept;
// a subscriber that is further behind has lost some. Its next() then throws Lagged, once, with their number, and goes
// on with the oldest that is kept. (An exception, because a lost item is an error unless the program says otherwise.
// Who wants the newest values only catches it and asks again.)
// A cancel of next() takes nothing: the same item comes the next time. So it does after a copy that has thrown, and
// where send() throws, nothing was sent. The constructors and the destructor of an item may use the Broadcast.
// Used by the tasks of one loop at a time: a task of another loop that would have to wait together with them gets
// RuntimeError. Not thread-safe. Its end closes it; what is kept can be read after that.
// Python: none; a Queue for each subscriber.
template <class T>
class Broadcast {
 public:
  class Subscription;

  // Throws ValueError where capacity < 1.
  explicit Broadcast(int capacity) : shared_(std::make_shared<Shared>()) {
    if (capacity < 1) throw ValueError("Broadcast: the capacity must be at least 1, not " + std::to_string(capacity));
    shared_->capacity = static_cast<std::size_t>(capacity);
  }
  Broadcast(const Broadcast&) = delete;
  Broadcast& operator=(const Broadcast&) = delete;
  ~Broadcast() { close(); }

  // Sends an item to all who have subscribed; never waits. Throws RuntimeError once it is closed.
  void send(T item) {
    Stored stored = make_stored(std::move(item));
    const std::shared_ptr<Shared> shared = shared_;  // the destructor of what is dropped may be the end of *this
    if (shared->closed) throw RuntimeError("Broadcast.send: it is closed");
    shared->readers.check_thread("Broadcast.send");
    [[maybe_unused]] std::optional<Stored> dropped;  // destroyed when all else has been done
    if (shared->items.size() == shared->capacity) dropped.emplace(shared->items.pop());
    shared->items.push(std::move(stored));
    ++shared->sent;
    shared->readers.wake_all();
  }

  // A view of what is sent from now on. It costs nothing while nobody reads it, and any number may be made.
  [[nodiscard]] Subscription subscribe() { return Subscription(shared_); }

  // Nothing more will be sent: subscribers get what is kept, and then nothing. Twice is once.
  void close() {
    shared_->readers.check_thread("Broadcast.close");
    shared_->closed = true;
    shared_->readers.wake_all();
  }
  bool closed() const { return shared_->closed; }

 private:
  // A reader keeps what it copies, because that may be dropped meanwhile.
  using Stored = std::conditional_t<detail::is_plain<T>, T, std::shared_ptr<const T>>;
  static Stored make_stored(T&& item) {
    if constexpr (detail::is_plain<T>) {
      return std::move(item);
    } else {
      return std::make_shared<const T>(std::move(item));
    }
  }

  struct Shared {
    std::uint64_t oldest() const { return sent - items.size(); }

    detail::RingBuffer<Stored> items;  // the last ones, at most `capacity`
    std::uint64_t sent = 0;            // how many ever, which is the number of the next one
    lowlevel::WaitQueue readers;       // who has read everything
    std::size_t capacity = 0;
    bool closed = false;
  };

  std::shared_ptr<Shared> shared_;
};

// One subscriber's place in a Broadcast. A copy goes on from the same place, by itself. Neither to be moved nor
// destroyed while a task waits for its next item.
template <class T>
class Broadcast<T>::Subscription {
 public:
  class Next;

  // The next item, and nothing once the Broadcast is closed and all has been read. Throws Lagged where items were lost,
  // RuntimeError where another task, which read the same subscription, was faster.
  Next next() { return Next(*this); }

  Subscription(const Subscription&) = default;  // and nothing else: one that is moved stays what it was
  Subscription& operator=(const Subscription&) = default;

  // How many items there are to read; more than the capacity where some are lost.
  std::uint64_t behind() const { return shared_->sent - position_; }

 private:
  friend Broadcast;
  explicit Subscription(const std::shared_ptr<Shared>& shared) : shared_(shared), position_(shared->sent) {}

  std::optional<T> read() {
    if (behind() == 0) [[unlikely]] {
      if (shared_->closed) return std::nullopt;
      throw RuntimeError("Broadcast.next: two tasks read one subscription; let each subscribe");
    }
    const std::uint64_t oldest = shared_->oldest();
    if (position_ < oldest) [[unlikely]]
      throw Lagged(oldest - std::exchange(position_, oldest));
    const Stored stored = shared_->items[static_cast<std::size_t>(position_ - oldest)];
    if constexpr (detail::is_plain<T>) {
      ++position_;
      return stored;
    } else {
      Reading reading(position_);
      return std::optional<T>(*stored);
    }
  }
  // Goes on to the next item, and back where this one cannot be copied.
  struct Reading {
    explicit Reading(std::uint64_t& place) : position(place), next(++place) {}
    Reading(const Reading&) = delete;
    ~Reading() {
      if (std::uncaught_exceptions() > exceptions && position == next) --position;
    }
    std::uint64_t& position;
    const std::uint64_t next;
    const int exceptions = std::uncaught_exceptions();
  };

  std::shared_ptr<Shared> shared_;
  std::uint64_t position_;  // the number of the next item
};

// Awaiting it takes the next item; no coroutine frame, and no suspension where there is one.
template <class T>
class [[nodiscard("nothing is waited for: write co_await")]] Broadcast<T>::Subscription::Next
    : public lowlevel::QueuedWaiter {
 public:
  static constexpr lowlevel::WaitKind kind = lowlevel::WaitQueue::kind("Broadcast.next");

  explicit Next(Subscription& subscription)
      : QueuedWaiter(subscription.shared_->readers, kind), subscription_(&subscription) {}

  bool await_ready() const { return subscription_->behind() > 0 || subscription_->shared_->closed; }
  std::optional<T> await_resume() {
    if (task() != nullptr) check_all();
    return subscription_->read();
  }

 private:
  Subscription* subscription_;
};

}  // namespace asyncio::inline ASYNCIO_ABI
