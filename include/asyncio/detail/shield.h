// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/future_base.h>
#include <asyncio/detail/ref.h>
#include <asyncio/lowlevel/owned_awaitable.h>
#include <asyncio/lowlevel/waiter.h>
#include <asyncio/task.h>

#include <coroutine>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

// What shield() gives to co_await, apart from its type.
class ShieldBase : public lowlevel::LinkedWaiter {
 public:
  bool await_ready() const { return state_->done(); }
  template <class P>
  void await_suspend(std::coroutine_handle<P> self) {
    join();
    park(self);
  }

 protected:
  explicit ShieldBase(FutureBase& state) : LinkedWaiter(kind), state_(state) {}
  ShieldBase(ShieldBase&& other) noexcept : LinkedWaiter(std::move(other)), state_(std::move(other.state_)) {}
  ~ShieldBase() = default;
  void check_shield() {
    check();
    state_->retrieve();
  }

  Ref<FutureBase> state_;  // null once moved from

 private:
  static const lowlevel::WaitKind kind;
  void join();
};

// Shared: the handle stays with the caller, and awaiting it gives a reference to the value.
template <class State, bool shared>
class [[nodiscard("nothing is shielded from a cancel but the co_await of this")]] Shield : public ShieldBase {
 public:
  explicit Shield(State& state) : ShieldBase(state) {}

  decltype(auto) await_resume() {
    check_shield();
    if constexpr (shared) {
      return static_cast<State&>(*state_).get();
    } else {
      return static_cast<State&>(*state_).take_or_copy();
    }
  }
};

}  // namespace detail

template <class A>
auto shield(A&& awaitable) {
  using Plain = std::remove_cvref_t<A>;
  if constexpr (detail::ResultHandle<Plain>) {
    const Plain handle = std::forward<A>(awaitable);  // an rvalue is given up: else the value could not be moved out
    return detail::Shield<typename Plain::State, std::is_lvalue_reference_v<A>>(handle.state());
  } else {
    const auto task = asyncio::create_task(lowlevel::to_owned(std::forward<A>(awaitable)));
    return detail::Shield<typename decltype(task)::State, false>(task.state());
  }
}

}  // namespace asyncio::inline ASYNCIO_ABI
