// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/deadline.h>
#include <asyncio/detail/end_hook.h>
#include <asyncio/detail/shared.h>
#include <asyncio/lowlevel/owned_awaitable.h>
#include <asyncio/lowlevel/timer.h>
#include <asyncio/lowlevel/wait_queue.h>
#include <asyncio/task.h>

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <iterator>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

inline FutureBase& state_of(const AnyTask& task) { return task.state(); }
template <ResultHandle H>
FutureBase& state_of(const H& handle) {
  return handle.state();
}

// Whether `handles` are what can be waited for.
template <class H>
constexpr void check_waitable() {
  static_assert(!Awaitable<H> || ResultHandle<H>, "wait() takes tasks: make them with create_task()");
  static_assert(requires(const H& handle) { detail::state_of(handle); }, "wait() takes a range of tasks");
}

// The elements of a range, moved out of one that is given up.
template <class R>
auto to_vector(R&& range) {
  using H = std::remove_cvref_t<decltype(*std::begin(range))>;
  if constexpr (std::same_as<std::remove_cvref_t<R>, std::vector<H>>) {
    return std::vector<H>(std::forward<R>(range));
  } else {
    std::vector<H> elements;
    for (auto&& element : range) elements.push_back(static_cast<ElementOf<R>>(element));
    return elements;
  }
}

// The handles without those that stand there before. Throws ValueError for one of another loop than the running one.
void drop_repeated(std::vector<FutureBase*>& states);
template <class H>
std::vector<H> without_repeated(std::vector<H> handles, const char* what) {
  std::vector<FutureBase*> states;
  states.reserve(handles.size());
  for (const H& handle : handles) {
    detail::require_own_loop(detail::state_of(handle), what);
    states.push_back(&detail::state_of(handle));
  }
  drop_repeated(states);
  if (states.size() == handles.size()) return handles;
  std::vector<H> kept;
  kept.reserve(states.size());
  for (H& handle : handles) {
    if (kept.size() < states.size() && &detail::state_of(handle) == states[kept.size()])
      kept.push_back(std::move(handle));
  }
  return kept;
}

// Awaiting it waits until enough of the futures have ended, or the time is over.
class EndsWait : public lowlevel::Waiter, private lowlevel::Timer {
 public:
  EndsWait(std::size_t count, const WaitOptions& options);
  ~EndsWait() { disarm(); }

  // All of them before the await.
  void add(FutureBase& state) { hooks_.emplace_back(state); }

  bool await_ready();
  template <class P>
  void await_suspend(std::coroutine_handle<P> self) {
    start();
    park(self);
    if (limit_.none_left() && !was_interrupted()) wake_up();
  }
  void await_resume() {
    disarm();
    check();
  }

 private:
  friend EndHook<EndsWait>;
  static const lowlevel::WaitKind kind;
  void ended(EndHook<EndsWait>& hook) noexcept;
  const TaskBase* awaiter() const { return task(); }
  bool enough_with(const FutureBase& ended) const {
    return return_when_ == FIRST_COMPLETED || (return_when_ == FIRST_EXCEPTION && ended.failed());
  }
  void start();
  void disarm() noexcept;
  void wake_up() noexcept;

  std::vector<EndHook<EndsWait>> hooks_;
  std::size_t pending_ = 0;
  TimeLimit limit_;
  ReturnWhen return_when_;
};

template <class H>
Coro<Waited<H>> wait_for_ends(std::vector<H> handles, WaitOptions options) {
  EndsWait ends(handles.size(), options);
  for (const H& handle : handles) ends.add(detail::state_of(handle));
  co_await ends;
  Waited<H> waited;
  for (H& handle : handles) {
    (handle.done() ? waited.done : waited.pending).push_back(std::move(handle));
  }
  co_return waited;
}

// The tasks of an as_completed(), apart from their type: by their places among the arguments.
class EndOrder : private Deadline<EndOrder> {
 public:
  class Next;

  EndOrder(std::size_t count, TimeLimit timeout);
  EndOrder(const EndOrder&) = delete;
  ~EndOrder();

  // All of them before start().
  void add(FutureBase& state) { hooks_.emplace_back(state); }
  void start();

 private:
  friend EndHook<EndOrder>;
  friend class Deadline<EndOrder>;
  void ended(EndHook<EndOrder>& hook) noexcept;
  const TaskBase* awaiter() const { return nullptr; }  // whoever asks next gets whichever ends next
  bool take(Next& next);
  void deadline_passed() noexcept;

  LoopCore* loop_;
  TimeLimit limit_;
  std::vector<EndHook<EndOrder>> hooks_;
  std::vector<std::size_t> order_;  // the places of those that have ended and were not handed over, in order
  std::size_t taken_ = 0;           // how many of these have been taken since
  std::size_t pending_ = 0;         // those that have not ended, while there is time
  std::size_t missed_ = 0;          // those for which TimeoutError is still to be thrown
  lowlevel::WaitQueue waiters_;
};

// Awaiting it gives the place of the task that ends next; nothing after the last.
class [[nodiscard("nothing is waited for: write co_await")]] EndOrder::Next : public lowlevel::QueuedWaiter {
 public:
  explicit Next(EndOrder& owner) : QueuedWaiter(owner.waiters_, kind), owner_(&owner) {}

  bool await_ready() { return owner_->take(*this); }
  std::optional<std::size_t> await_resume();

 private:
  friend class EndOrder;
  static const lowlevel::WaitKind kind;

  EndOrder* owner_;
  std::optional<std::size_t> place_;
  bool late_ = false;
};

// What as_completed() gives; movable. It must outlive the tasks that await next().
template <class H>
class [[nodiscard]] AsCompleted {
 public:
  class Next : public EndOrder::Next {
   public:
    explicit Next(AsCompleted& owner) : EndOrder::Next(owner.order()), handles_(&owner.handles_->value) {}
    std::optional<H> await_resume() {
      const std::optional<std::size_t> place = EndOrder::Next::await_resume();
      if (!place.has_value()) return std::nullopt;
      return (*handles_)[*place];
    }

   private:
    const std::vector<H>* handles_;
  };

  AsCompleted(std::vector<H> handles, TimeLimit timeout)
      : handles_(Ref<Handles>::adopt(*new Handles(detail::without_repeated(std::move(handles), "as_completed")))),
        order_(Ref<Order>::adopt(*new Order(handles_->value.size(), timeout))) {
    for (const H& handle : handles_->value) order().add(detail::state_of(handle));
    order().start();
  }
  AsCompleted(AsCompleted&&) noexcept = default;
  AsCompleted& operator=(AsCompleted&&) noexcept = default;

  // The task that ends next, and has ended when you get it; nothing after the last. What has ended in time is given
  // first, however late it is asked for; then TimeoutError is thrown, once for each task that has not.
  // Any number of tasks may await it: each gets another one. A cancel throws CancelledError and loses nothing.
  Next next() { return Next(*this); }

 private:
  EndOrder& order() const {
    if (!order_) [[unlikely]]
      refuse_empty("as_completed()");
    return order_->value;
  }

  using Handles = SharedValue<std::vector<H>>;
  using Order = SharedValue<EndOrder>;

  Ref<Handles> handles_;  // where they stay if this moves
  Ref<Order> order_;
};

}  // namespace detail

template <detail::AwaitableRange R>
auto wait(R&& range, const WaitOptions& options) {
  using H = std::remove_cvref_t<decltype(*std::begin(range))>;
  detail::check_waitable<H>();
  std::vector<H> tasks = detail::to_vector(std::forward<R>(range));
  if (tasks.empty()) throw ValueError("wait: there is nothing to wait for");
  if (options.return_when > ALL_COMPLETED) throw ValueError("wait: return_when is none of its constants");
  return detail::wait_for_ends(detail::without_repeated(std::move(tasks), "wait"), options);
}

template <detail::AwaitableRange R>
auto as_completed(R&& range, const AsCompletedOptions& options) {
  using Element = detail::ElementOf<R>;
  if constexpr (detail::IsCoro<std::remove_cvref_t<Element>>) {
    std::vector<Task<AwaitResult<Element>>> tasks;
    detail::require_all_unused(range);
    for (auto&& coro : range) tasks.push_back(asyncio::create_task(static_cast<Element>(coro)));
    return detail::AsCompleted(std::move(tasks), options.timeout);
  } else {
    detail::check_waitable<std::remove_cvref_t<Element>>();
    return detail::AsCompleted(detail::to_vector(std::forward<R>(range)), options.timeout);
  }
}

}  // namespace asyncio::inline ASYNCIO_ABI
