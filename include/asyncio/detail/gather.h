// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/end_hook.h>
#include <asyncio/detail/frame_pool.h>
#include <asyncio/detail/passed_on.h>
#include <asyncio/detail/to_start.h>
#include <asyncio/lowlevel/waiter.h>
#include <asyncio/outcome.h>
#include <asyncio/task.h>

#include <array>
#include <concepts>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

// The children of a gather(), and what has become of them.
class GatherState {
 public:
  using Hook = EndHook<GatherState>;

  explicit GatherState(bool outcomes) : return_exceptions_(outcomes) {}
  GatherState(const GatherState&) = delete;
  virtual ~GatherState() = default;
  static void* operator new(std::size_t size) { return FramePool::get(size); }
  static void operator delete(void* memory, std::size_t size) noexcept { FramePool::put(memory, size); }

  // One more child; its hook stays where it is.
  void watch(Hook& hook) noexcept {
    ++pending_;
    if (!hook.arm(*this)) ended(hook);
  }

  void ended(Hook& hook) noexcept {
    --pending_;
    const FutureBase& child = hook.subject();
    if (child.failed() || child.cancelled() || abandoned_) [[unlikely]] {
      ended_badly(hook);
    } else if (pending_ == 0) [[unlikely]] {
      wake();
    }
  }

  void retain() noexcept { references_.retain(); }
  void release() noexcept {
    if (references_.release()) delete this;
  }

  const TaskBase* awaiter() const { return waiter != nullptr ? waiter->task() : nullptr; }
  bool done() const { return pending_ == 0 || first_failed_ != nullptr; }
  virtual std::span<Hook> hooks() noexcept = 0;
  // cancel() of the Gather; what interrupts the awaiting task, whom it is passed on for.
  bool cancel(std::string_view message) noexcept;
  void pass_on(TaskBase& task) noexcept;
  bool passed_on_request() const { return passed_.requested(); }
  // Throws where there are no values: the first exception, or CancelledError. `task` is the one that awaits.
  void require_values(TaskBase* task);
  // The Gather is not interested any more.
  void drop() noexcept;

  lowlevel::Waiter* waiter = nullptr;  // of the task that awaits

 private:
  void ended_badly(Hook& hook) noexcept;
  void cancel_children(std::string_view message) noexcept;
  void wake() noexcept {
    if (lowlevel::Waiter* woken = std::exchange(waiter, nullptr)) woken->wake();
  }
  void abandon_children() noexcept;

  RefCount references_{1};              // of the Gather, or of the children where that has been abandoned
  std::size_t pending_ = 0;             // children that have not ended
  FutureBase* first_failed_ = nullptr;  // unless return_exceptions_
  bool return_exceptions_;
  bool cancelled_ = false;  // by cancel(); with
  std::string message_;
  PassedOn passed_;         // of the awaiting task
  bool abandoned_ = false;  // the first exception has been delivered: the rest is only watched, and deletes this
};

// What can be awaited once, apart from its type.
class GatherBase : public lowlevel::Waiter {
 public:
  bool done() const { return state_ == nullptr || state_->done(); }
  // Cancels every child that has not ended; false where none is left, or the first exception is there.
  bool cancel(std::string_view message = {}) const;

  bool await_ready() const {
    if (state_ == nullptr) [[unlikely]]
      throw_awaited();
    return state_->done();
  }
  template <class P>
  void await_suspend(std::coroutine_handle<P> self) {
    state_->waiter = this;
    park(self);
  }

 protected:
  explicit GatherBase(GatherState& state) : Waiter(kind), state_(&state) {}
  GatherBase(GatherBase&& other) noexcept : Waiter(std::move(other)), state_(std::exchange(other.state_, nullptr)) {}
  ~GatherBase() {
    if (state_ != nullptr) state_->drop();
  }

  GatherState* state_;  // null once awaited, or moved from

 private:
  static const lowlevel::WaitKind kind;
  [[noreturn]] static void throw_awaited();
};

template <class Values>
class GatherStateOf : public GatherState {
 public:
  using GatherState::GatherState;
  virtual Values take() = 0;
};

// Values: a std::tuple, or a std::vector.
template <class Values>
class [[nodiscard("nothing is waited for: write co_await")]] Gather : public GatherBase {
 public:
  explicit Gather(GatherStateOf<Values>& state) : GatherBase(state) {}

  Values await_resume() {
    // Whatever happens now, it has been awaited.
    struct Dropper {
      GatherStateOf<Values>& state;
      ~Dropper() { state.drop(); }
    } dropper{static_cast<GatherStateOf<Values>&>(*std::exchange(state_, nullptr))};
    dropper.state.require_values(task_);
    return dropper.state.take();
  }
};

// One argument of gather() as a handle of something that runs.
template <class A>
auto to_child(A&& awaitable) {
  using Plain = std::remove_cvref_t<A>;
  if constexpr (ResultHandle<Plain>) {
    detail::require_own_loop(awaitable.state(), "gather");
    return Plain(std::forward<A>(awaitable));
  } else {
    return asyncio::create_task(detail::coro_of(std::forward<A>(awaitable)));
  }
}
template <class A>
using ChildOf = decltype(detail::to_child(std::declval<A>()));

template <class A>
void make_child(ToStart<A>& child) {
  if constexpr (!ResultHandle<std::remove_cvref_t<A>>) child.make();
}
template <class A>
ChildOf<A> start_child(ToStart<A>& child) {
  if constexpr (ResultHandle<std::remove_cvref_t<A>>) {
    return detail::to_child(child.given());
  } else {
    return detail::to_child(child.take());
  }
}

// Checks an argument before any other is started.
template <class A>
void check_child(const A& awaitable) {
  if constexpr (ResultHandle<A>) detail::require_own_loop(awaitable.state(), "gather");
  require_unused(awaitable);
}

// What a child gives, as an element of the result.
template <bool outcomes, class T>
using Gathered = std::conditional_t<outcomes, Outcome<T>, std::conditional_t<std::is_void_v<T>, std::monostate, T>>;

template <bool outcomes, class State>
Gathered<outcomes, typename State::Value> take_child(State& state) {
  using T = typename State::Value;
  if constexpr (outcomes) {
    state.mark_retrieved();
    if (std::exception_ptr error = state.exception()) return Outcome<T>(std::move(error));
    if constexpr (std::is_void_v<T>) {
      return Outcome<T>(std::in_place);
    } else {
      return Outcome<T>(std::in_place, state.take_or_copy());
    }
  } else if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    return state.take_or_copy();
  }
}

template <bool outcomes, class... States>
class GatherTuple final : public GatherStateOf<std::tuple<Gathered<outcomes, typename States::Value>...>> {
 public:
  using Values = std::tuple<Gathered<outcomes, typename States::Value>...>;

  explicit GatherTuple(States&... states)
      : GatherStateOf<Values>(outcomes), hooks_{GatherState::Hook(states)...}, states_(&states...) {
    for (GatherState::Hook& hook : hooks_) this->watch(hook);
  }

 private:
  std::span<GatherState::Hook> hooks() noexcept override { return hooks_; }
  Values take() override {
    return std::apply([](States*... states) { return Values{detail::take_child<outcomes>(*states)...}; }, states_);
  }

  std::array<GatherState::Hook, sizeof...(States)> hooks_;
  std::tuple<States*...> states_;
};

template <bool outcomes, class State>
using GatheredElement =
    std::conditional_t<!outcomes && std::is_reference_v<typename State::Value>,
                       std::remove_reference_t<typename State::Value>*, Gathered<outcomes, typename State::Value>>;

template <bool outcomes, class State>
class GatherVector final : public GatherStateOf<std::vector<GatheredElement<outcomes, State>>> {
 public:
  using Values = std::vector<GatheredElement<outcomes, State>>;

  explicit GatherVector(std::size_t count) : GatherStateOf<Values>(outcomes) { hooks_.reserve(count); }

  // As often as was said.
  void add(State& state) { this->watch(hooks_.emplace_back(state)); }

 private:
  std::span<GatherState::Hook> hooks() noexcept override { return hooks_; }
  Values take() override {
    Values values;
    values.reserve(hooks_.size());
    for (GatherState::Hook& hook : hooks_) {
      State& state = static_cast<State&>(hook.subject());
      if constexpr (!outcomes && std::is_reference_v<typename State::Value>) {
        values.push_back(&detail::take_child<outcomes>(state));
      } else {
        values.push_back(detail::take_child<outcomes>(state));
      }
      hook.let_go();  // while it is in the cache
    }
    return values;
  }

  std::vector<GatherState::Hook> hooks_;
};

template <bool outcomes, class... As>
auto start_gather(ToStart<As>&&... awaitables) {
  (detail::make_child(awaitables), ...);
  // Braces, because the children start in the order of the arguments.
  std::tuple<ChildOf<As>...> children{detail::start_child(awaitables)...};
  return std::apply(
      [](auto&... child) {
        using AllStates = GatherTuple<outcomes, std::remove_reference_t<decltype(child.state())>...>;
        AllStates& all = *new AllStates(child.state()...);
        // The state has references of its own. Those of the handles must not be mistaken for somebody else's.
        return Gather<typename AllStates::Values>(all);
      },
      children);
}

template <bool outcomes, class... As>
auto gather_arguments(As&&... awaitables) {
  static_assert(((Awaitable<As> || IsCoro<std::remove_cvref_t<As>>) && ...),
                "gather: what is given must be awaitable: a Coro, a Task, a Future, or one range of them");
  if constexpr ((check_awaitable<As>() && ...)) {
    detail::running_loop("gather");
    (detail::check_child(awaitables), ...);
    return detail::start_gather<outcomes>(ToStart<As>(std::forward<As>(awaitables))...);
  }
}

// Whether the elements of a range need not be made into coroutines first, which may throw: nothing but a start can.
template <class R, class Element = std::remove_cvref_t<ElementOf<R>>>
inline constexpr bool are_made =
    ResultHandle<Element> || (IsCoro<Element> && requires(std::remove_reference_t<R>& range) { range.clear(); });

template <bool outcomes, class R>
auto gather_range(R&& range) {
  using Element = ElementOf<R>;
  using State = std::remove_reference_t<decltype(std::declval<ChildOf<Element>&>().state())>;
  using Result = GatherVector<outcomes, State>;
  detail::running_loop("gather");
  detail::require_all_unused(range);
  if constexpr (!are_made<R>) {
    return detail::gather_range<outcomes>(detail::coros_of(std::forward<R>(range)));
  } else if constexpr (requires { std::size(range); }) {
    Result* const state = new Result(std::size(range));
    try {
      for (auto&& element : range) {
        const auto child = detail::to_child(static_cast<Element>(element));
        state->add(child.state());
      }
    } catch (...) {
      detail::close_rest(range);
      delete state;
      throw;
    }
    return Gather<typename Result::Values>(*state);
  } else {
    std::vector<ChildOf<Element>> children;
    for (auto&& element : range) children.push_back(detail::to_child(static_cast<Element>(element)));
    return detail::gather_range<outcomes>(std::move(children));
  }
}

template <bool outcomes, class... A>
auto gather_all(A&&... awaitables) {
  if constexpr (is_range<A...>) {
    return detail::gather_range<outcomes>(std::forward<A>(awaitables)...);
  } else {
    return detail::gather_arguments<outcomes>(std::forward<A>(awaitables)...);
  }
}

}  // namespace detail

template <class... A>
auto gather(A&&... awaitables) {
  return detail::gather_all<false>(std::forward<A>(awaitables)...);
}
template <class... A>
auto gather(detail::ReturnExceptions, A&&... awaitables) {
  return detail::gather_all<true>(std::forward<A>(awaitables)...);
}

}  // namespace asyncio::inline ASYNCIO_ABI
