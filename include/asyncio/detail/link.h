// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

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

// What a loop can run: a task, or a callback.
class Runnable {
 public:
  virtual void run() noexcept = 0;
  virtual void drop() noexcept {}  // instead of run(), where the loop is closed

 protected:
  virtual ~Runnable() = default;

 private:
  friend class ReadyQueue;
  Runnable* next_ = nullptr;
};

// First in, first out.
class ReadyQueue {
 public:
  ReadyQueue() = default;
  ReadyQueue(const ReadyQueue&) = delete;
  ReadyQueue& operator=(const ReadyQueue&) = delete;

  bool empty() const { return head_ == nullptr; }

  // Calls f with each, first to last.
  template <class F>
  void for_each(F f) const {
    for (const Runnable* node = head_; node != nullptr; node = node->next_) f(*node);
  }

  void push(Runnable& node) noexcept {
    node.next_ = nullptr;
    *tail_ = &node;
    tail_ = &node.next_;
  }

  Runnable* pop() noexcept {
    Runnable* node = head_;
    if (node != nullptr && (head_ = node->next_) == nullptr) tail_ = &head_;
    return node;
  }

  // The same, but only where there is exactly one.
  Runnable* pop_only() noexcept {
    Runnable* node = head_;
    if (node == nullptr || node->next_ != nullptr) return nullptr;
    head_ = nullptr;
    tail_ = &head_;
    return node;
  }

  // Puts all of `other` in front of what is here.
  void take_first(ReadyQueue& other) noexcept {
    if (other.head_ == nullptr) return;
    *other.tail_ = head_;
    if (head_ == nullptr) tail_ = other.tail_;
    head_ = other.head_;
    other.head_ = nullptr;
    other.tail_ = &other.head_;
  }

 private:
  Runnable* head_ = nullptr;
  Runnable** tail_ = &head_;  // where the next node is to be hung
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
