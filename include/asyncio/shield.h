// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/owned_awaitable.h>
#include <asyncio/ref.h>

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
      return static_cast<State&>(*state_).result.get();
    } else {
      return static_cast<State&>(*state_).take_or_copy();
    }
  }
};

}  // namespace detail

// Awaits something that is to go on even if the awaiting task is cancelled: a commit, an answer that others wait for too.
//
//   co_await shield(save(order));                // a cancel lands here, and the order is saved all the same
//
//   Task<> saving = create_task(save(order));
//   std::exception_ptr cancel;                   // because a handler cannot co_await
//   try {
//     co_await shield(saving);
//   } catch (const CancelledError&) { cancel = std::current_exception(); }
//   co_await saving;                             // to wait for the end of it
//   if (cancel != nullptr) std::rethrow_exception(cancel);
//
// A task or future is awaited without a cancel being passed on to it; a coroutine, or another awaitable, is started as a
// task by the call. A cancel of the caller throws CancelledError at once. If that task is cancelled by somebody else its
// CancelledError comes out, as its value or exception would. What fails after nobody waits any more is reported to the
// loop's exception handler, once, unless its exception is looked at.
// No shield from the end of the loop: run() cancels every task that is left. Python: asyncio.shield().
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
