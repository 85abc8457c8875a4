// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <cstdint>

namespace asyncio::inline ASYNCIO_ABI::detail {

// The intrusive lists under tasks, waiters and callbacks: nothing here allocates, and nothing is thread-safe.

// A place in a circular list, or the sentinel of one. Alone it points at itself.
struct Link {
  Link* prev = this;
  Link* next = this;

  Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  bool alone() const { return next == this; }

  // With *this as the sentinel: puts `link` at the end of the list.
  void push_back(Link& link) noexcept {
    link.prev = prev;
    link.next = this;
    prev->next = &link;
    prev = &link;
  }

  void unlink() noexcept {
    prev->next = next;
    next->prev = prev;
    prev = next = this;
  }

  // With *this and `to` as sentinels, `to` alone: moves the whole list over.
  void move_all(Link& to) noexcept {
    if (alone()) return;
    to.next = next;
    to.prev = prev;
    to.next->prev = &to;
    to.prev->next = &to;
    prev = next = this;
  }
};

// First in, first out, as a ring of which it knows the first: half of what a sentinel takes, in each task and future.
// In turn a place in it is not told from one in none by alone(), and leaves by remove().
class LinkRing {
 public:
  LinkRing() = default;
  LinkRing(const LinkRing&) = delete;
  LinkRing& operator=(const LinkRing&) = delete;

  bool empty() const { return first_ == nullptr; }
  const Link* first() const { return first_; }  // null where it is empty
  // The place after that one, null after the last.
  const Link* after(const Link& link) const { return link.next != first_ ? link.next : nullptr; }

  void push_back(Link& link) noexcept {
    if (first_ == nullptr) {
      first_ = &link;
    } else {
      first_->push_back(link);
    }
  }
  // Does nothing to one that is in no list.
  void remove(Link& link) noexcept {
    if (first_ == &link) first_ = link.alone() ? nullptr : link.next;
    link.unlink();
  }
  // It must not be empty.
  Link& pop_front() noexcept {
    Link& link = *first_;
    if (link.alone()) {
      first_ = nullptr;
    } else {
      first_ = link.next;
      link.unlink();
    }
    return link;
  }

 private:
  Link* first_ = nullptr;
};

// What a loop can run: a task, or a callback.
class Runnable {
 public:
  virtual void run() noexcept = 0;
  virtual void drop() noexcept {}  // instead of run(), where the loop is closed

 protected:
  virtual ~Runnable() = default;

  // While it stands in no queue it may keep a pointer in the place of that to the next one, and needs no room for it
  // elsewhere. A queue forgets it. What is kept is told apart by its lowest bit.
  void keep(void* pointer) noexcept { next_ = reinterpret_cast<std::uintptr_t>(pointer) | 1; }
  void keep_nothing() noexcept { next_ = 0; }
  void* kept() const noexcept { return (next_ & 1) != 0 ? reinterpret_cast<void*>(next_ - 1) : nullptr; }

 private:
  friend class ReadyQueue;
  std::uintptr_t next_ = 0;
};

// First in, first out.
class ReadyQueue {
 public:
  ReadyQueue() = default;
  ReadyQueue(const ReadyQueue&) = delete;
  ReadyQueue& operator=(const ReadyQueue&) = delete;

  bool empty() const { return head_ == 0; }

  // Calls f with each, first to last.
  template <class F>
  void for_each(F f) const {
    for (const Runnable* node = at(head_); node != nullptr; node = at(node->next_)) f(*node);
  }

  void push(Runnable& node) noexcept {
    node.next_ = 0;
    *tail_ = reinterpret_cast<std::uintptr_t>(&node);
    tail_ = &node.next_;
  }

  Runnable* pop() noexcept {
    Runnable* node = at(head_);
    if (node != nullptr && (head_ = node->next_) == 0) tail_ = &head_;
    return node;
  }

  // The same, but only where there is exactly one.
  Runnable* pop_only() noexcept {
    Runnable* node = at(head_);
    if (node == nullptr || node->next_ != 0) return nullptr;
    head_ = 0;
    tail_ = &head_;
    return node;
  }

  // Puts all of `other` in front of what is here.
  void take_first(ReadyQueue& other) noexcept {
    if (other.head_ == 0) return;
    *other.tail_ = head_;
    if (head_ == 0) tail_ = other.tail_;
    head_ = other.head_;
    other.head_ = 0;
    other.tail_ = &other.head_;
  }

 private:
  static Runnable* at(std::uintptr_t place) noexcept { return reinterpret_cast<Runnable*>(place); }

  std::uintptr_t head_ = 0;
  std::uintptr_t* tail_ = &head_;  // where the next node is to be hung
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
