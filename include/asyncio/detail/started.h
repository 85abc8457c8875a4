// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/passed_on.h>
#include <asyncio/lowlevel/waiter.h>
#include <asyncio/task.h>

#include <coroutine>
#include <optional>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

class TaskGroup;
template <class V>
class Started;

namespace detail {

class StartedBase;
class TaskGroupChild;

// Where TaskGroup::start() waits until its task is started, or has ended without that.
class StartWait : public lowlevel::Waiter {
 public:
  StartWait() : Waiter(kind) {}
  ~StartWait();

  bool await_ready() const { return started_ || started_task_.done(); }  // it may have been started eagerly
  template <class P>
  void await_suspend(std::coroutine_handle<P> self) {
    park(self);
  }
  void await_resume();  // throws what start() has to throw

  // The task is started, and the group's own from now on.
  void started() noexcept;

 private:
  friend class StartedBase;
  friend TaskGroup;
  static const lowlevel::WaitKind kind;
  static bool forward(Waiter& waiter) noexcept;

  AnyTask started_task_;
  TaskGroupChild* child_ = nullptr;  // null until the task has been made, and once it is started or has ended
  StartedBase* teller_ = nullptr;    // in the task; null before and after
  PassedOn passed_;                  // of the caller
  bool started_ = false;
};

template <class V>
class StartOf : public StartWait {
 public:
  V take() { return std::move(*value_); }

 private:
  friend class Started<V>;
  std::optional<V> value_;
};

template <>
class StartOf<void> : public StartWait {
 public:
  void take() {}
};

// A Started, and the start() that waits for it: whichever goes first tells the other.
class StartedBase {
 public:
  StartedBase(const StartedBase&) = delete;
  StartedBase& operator=(const StartedBase&) = delete;

 protected:
  explicit StartedBase(StartWait& start) noexcept : start_(&start) { start.teller_ = this; }
  ~StartedBase() {
    if (start_ != nullptr) start_->teller_ = nullptr;
  }

  // The start() that is to be told; null where nobody waits any more. Throws RuntimeError the second time.
  StartWait* take_start();

 private:
  friend class StartWait;

  StartWait* start_;
  bool called_ = false;
};

// The V of a callable whose first parameter is a Started<V>&.
template <class F>
struct StartedValueOf : StartedValueOf<decltype(&F::operator())> {};
template <class V, class R, class... Args>
struct StartedValueOf<R (*)(Started<V>&, Args...)> {
  using type = V;
};
template <class V, class C, class R, class... Args>
struct StartedValueOf<R (C::*)(Started<V>&, Args...)> {
  using type = V;
};
template <class V, class C, class R, class... Args>
struct StartedValueOf<R (C::*)(Started<V>&, Args...) const> {
  using type = V;
};

}  // namespace detail

}  // namespace asyncio::inline ASYNCIO_ABI
