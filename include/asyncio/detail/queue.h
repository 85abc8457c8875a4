// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/kept.h>
#include <asyncio/detail/queue_base.h>
#include <asyncio/lowlevel/wait_queue.h>

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

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

// An item that is on its way from the queue to a getter, and comes back if it cannot be moved.
template <class T, class Storage>
class BasicQueue<T, Storage>::Leaving {
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

template <class T, class Storage>
template <class... Args>
  requires std::constructible_from<T, Args&&...>
void BasicQueue<T, Storage>::emplace_nowait(Args&&... args) {
  require_place();
  if (getters_.empty()) items_.make_room(leaving_ + 1);  // before the item is moved
  detail::Kept<T> item(std::in_place, std::forward<Args>(args)...);
  if constexpr (!detail::is_plain<T>) require_place();  // its constructor may have taken it
  put_now(item);
}

template <class T, class Storage>
T BasicQueue<T, Storage>::get_nowait() {
  if (empty()) [[unlikely]] {
    if (shut_down_) throw_shut_down();
    throw_empty();
  }
  return get_now<T>();
}

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

template <class T, class Storage>
std::size_t BasicQueue<T, Storage>::leaving() const {
  if constexpr (detail::is_plain<T>) {
    return 0;
  } else {
    return leaving_;
  }
}

template <class T, class Storage>
void BasicQueue<T, Storage>::require_place() const {
  if (shut_down_) [[unlikely]]
    throw_shut_down();
  if (full()) [[unlikely]]
    throw_full();
}

template <class T, class Storage>
void BasicQueue<T, Storage>::put_now(detail::Kept<T>& item) {
  if (!getters_.empty()) {
    getters_.check_thread("Queue.put");
    serve(item);
  } else {
    items_.make_room(leaving() + 1);
    items_.push(std::move(item));
  }
  ++unfinished_;
}

template <class T, class Storage>
void BasicQueue<T, Storage>::serve(detail::Kept<T>& item) noexcept {
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

template <class T, class Storage>
template <class R>
R BasicQueue<T, Storage>::get_now() {
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

template <class T, class Storage>
void BasicQueue<T, Storage>::give_back(detail::Kept<T>& item) noexcept {
  if (!getters_.empty()) return serve(item);
  try {
    items_.make_room(leaving_ + 1);
    items_.push_front(std::move(item));
  } catch (...) {
    finish(1);  // there is no memory to keep it
  }
}

template <class T, class Storage>
void BasicQueue<T, Storage>::admit_putters() noexcept {
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

}  // namespace asyncio::inline ASYNCIO_ABI
