// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/context.h>
#include <asyncio/detail/future_state.h>
#include <asyncio/detail/ref.h>

#include <concepts>
#include <cstdint>
#include <exception>
#include <string_view>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

// A result that will be available: what a callback, or another task, gives to those who await it.
//
//   Future<std::string> reply;
//   device.on_reply([reply](std::string text) { reply.set_result(std::move(text)); });
//   std::cout << co_await reply;
//
// A handle: copies refer to the same future. Any number of tasks may await it; they wake in the order of their awaits.
// Cancelling a task that awaits it cancels the future, and with it everybody's wait (shield() prevents that).
// A future that ends with an exception which nobody looks at is reported to the loop's exception handler.
// It belongs to the loop that runs when it is made; for that loop's thread only. One that was moved from throws
// RuntimeError. Python: asyncio.Future.
template <class T = void>
class Future {
 public:
  using State = detail::FutureState<T>;

  // Throws RuntimeError where no loop runs; EventLoop::create_future() makes one without.
  Future() : Future(detail::running_loop("Future")) {}
  explicit Future(EventLoop& loop) : Future(detail::core_of(loop)) {}
  explicit Future(detail::LoopCore& loop) : state_(new State(loop)) {}
  explicit Future(State& state) noexcept : state_(&state) { state_->retain(); }

  Future(const Future& other) noexcept : state_(other.state_) {
    if (state_ != nullptr) state_->retain();
  }
  Future(Future&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  Future& operator=(Future other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~Future() {
    if (state_ != nullptr) state_->release();
  }

  // Ends it with a value. Throws InvalidStateError where it has ended, a cancel included.
  template <class U = T>
    requires(!std::is_void_v<T> && std::convertible_to<U &&, T>)
  void set_result(U&& value) const {
    state().succeed(std::forward<U>(value));
  }
  void set_result() const
    requires std::is_void_v<T>
  {
    state().succeed();
  }

  // Ends it with an exception. Throws InvalidStateError where it has ended, ValueError for a null one.
  void set_exception(std::exception_ptr error) const {
    detail::require_exception(error, "Future.set_exception");
    state().fail(std::move(error));
  }
  template <class E>
    requires(!std::convertible_to<E, std::exception_ptr>)
  void set_exception(E error) const {
    state().fail(std::make_exception_ptr(std::move(error)));
  }

  // Ends it as cancelled: those who await it get CancelledError. False where it has ended.
  bool cancel(std::string_view message = {}) const {
    detail::require_own_thread(state().loop(), "Future.cancel");
    return state().cancel(message);
  }

  bool done() const { return state().done(); }
  bool cancelled() const { return state().cancelled(); }

  // The value; throws its exception, CancelledError where it was cancelled, InvalidStateError while it is pending.
  std::add_lvalue_reference_t<const T> result() const {
    state().require_done();
    state().mark_retrieved();
    return state().get();
  }
  // Its exception, null after a value. Throws CancelledError where it was cancelled, InvalidStateError while pending.
  std::exception_ptr exception() const { return detail::exception_of(state()); }

  // Waits until it has ended, whatever with: throws nothing of it. A cancel of the caller ends the wait, and is not
  // passed on.
  detail::Ended ended() const { return detail::Ended(state()); }

  // Has the loop call f(future) once it has ended; at once, in the loop's turn, where it has. Gives a token for
  // remove_done_callback(). An exception that f throws goes to the loop's exception handler.
  template <class F>
    requires std::invocable<std::decay_t<F>&, Future>
  std::uint64_t add_done_callback(F&& callable, Context context = Context::current()) const {
    detail::require_own_thread(state().loop(), "Future.add_done_callback");
    return detail::add_done_callback(state(), *new detail::DoneCallbackOf<Future, std::decay_t<F>>(
                                                  state(), std::move(context), std::forward<F>(callable)));
  }
  bool remove_done_callback(std::uint64_t token) const { return detail::remove_done_callback(state(), token); }

  detail::Join<State> operator co_await() const& { return detail::Join<State>(state()); }
  detail::JoinOnce<State> operator co_await() const&& { return detail::JoinOnce<State>(state()); }

  State& state() const {
    if (state_ == nullptr) [[unlikely]]
      detail::refuse_empty("Future");
    return *state_;
  }
  bool operator==(const Future& other) const { return state_ == other.state_; }

 private:
  State* state_;  // null once moved from
};

}  // namespace asyncio::inline ASYNCIO_ABI
