// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/callback.h>
#include <asyncio/context.h>
#include <asyncio/error.h>
#include <asyncio/invoke.h>
#include <asyncio/ref.h>
#include <asyncio/waiter.h>

#include <cstdint>
#include <string_view>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

// Throws RuntimeError where a task would await itself, or what belongs to another loop.
[[noreturn]] void refuse_join(const FutureBase& state);
inline void require_awaitable_here(const FutureBase& state) {
  if (state.loop() != this_thread.task->loop() || &state == this_thread.task) [[unlikely]]
    refuse_join(state);
}

// Awaits a Future or a Task whose state is a State. A cancel of the waiting task is passed on to what it waits for, and
// the wait ends when that has ended.
class JoinBase : public lowlevel::LinkedWaiter {
 public:
  explicit JoinBase(FutureBase& state) : LinkedWaiter(plain), state_(&state) {}
  JoinBase(JoinBase&& other) noexcept : LinkedWaiter(std::move(other)), state_(other.state_) {}
  ~JoinBase() {
    if (task_ != nullptr) state_->release();
  }

  // Whether a cancel of the waiting task, or of a scope that it is in, was passed on. Where the other has ended as
  // cancelled, that was the waiting task's own doing.
  bool was_forwarded() const { return kind_ != &plain; }

  bool await_ready() const { return state_->done(); }

  template <class P>
  void await_suspend(std::coroutine_handle<P> self) {
    detail::require_awaitable_here(*state_);
    state_->retain();  // the handle that is awaited may be assigned to, or go, before this task runs again
    state_->joiners().push_back(*this);
    park(self);
  }

 protected:
  // Throws where the wait was cut short by a CancelScope; otherwise the state's own outcome is what counts.
  void check_join() {
    if (kind_ != &plain) [[unlikely]]
      check_forwarded();
    state_->retrieve();
  }

  FutureBase* state_;

 private:
  static const lowlevel::WaitKind plain;
  static const lowlevel::WaitKind cancelled_it;        // a request to cancel the waiting task was passed on to state_
  static const lowlevel::WaitKind scope_cancelled_it;  // that of a CancelScope was
  static bool forward(Waiter& waiter) noexcept;
  static void joined(Waiter& waiter) noexcept;
  static FutureBase* awaited(const Waiter& waiter) noexcept;
  static void leave(Waiter& waiter) noexcept;

  void check_forwarded();
};

template <class State>
class Join : public JoinBase {
 public:
  explicit Join(State& state) : JoinBase(state) {}
  decltype(auto) await_resume() {
    check_join();
    return static_cast<State*>(state_)->result.get();
  }
};

// The same for a handle that is about to go: the value is moved out if nobody else can ask for it.
template <class State>
class JoinOnce : public JoinBase {
 public:
  explicit JoinOnce(State& state) : JoinBase(state) {}
  typename State::Value await_resume() {
    check_join();
    return static_cast<State*>(state_)->take_or_copy(task_ != nullptr ? 2 : 1);
  }
};

// What ended() of a future or task gives to co_await.
class [[nodiscard("nothing is waited for: write co_await")]] Ended : public lowlevel::LinkedWaiter {
 public:
  explicit Ended(FutureBase& state) : LinkedWaiter(kind), state_(state) {}
  Ended(Ended&& other) noexcept = default;

  bool await_ready() const { return state_->done(); }
  template <class P>
  void await_suspend(std::coroutine_handle<P> self) {
    detail::require_awaitable_here(*state_);
    state_->joiners().push_back(*this);
    park(self);
  }
  void await_resume() { check(); }

 private:
  static const lowlevel::WaitKind kind;

  Ref<FutureBase> state_;  // the handle may go before this
};

struct LoopCallbackLink : Link {};

// A callable that is to run when a future or task has ended; in its list of joiners until then, in the loop's queue after. Until then
// it is in LoopCore::callbacks, too.
class DoneCallback : public lowlevel::LinkedWaiter, public Runnable, private LoopCallbackLink {
 public:
  void run() noexcept final;
  void drop() noexcept final;
  // The loop closes: the future may end when it is gone.
  static void drop_all(LoopCore& loop) noexcept;

 protected:
  DoneCallback(FutureBase& subject, Context context);
  virtual ~DoneCallback();
  virtual void call() = 0;
  void destroy() noexcept;  // in its context, as it is called

  FutureBase* subject_;  // retained once it has ended
  Context context_;

 private:
  friend class FutureBase;
  friend class DoneCallbacks;
  friend bool remove_done_callback(FutureBase& subject, std::uint64_t token);
  friend std::uint64_t add_done_callback(FutureBase& subject, DoneCallback& callback) noexcept;
  static const lowlevel::WaitKind kind;
  static void schedule(Waiter& waiter) noexcept;
  void leave_loop() noexcept;

  std::uint64_t token_ = 0;
  DoneCallback* next_of_bucket_ = nullptr;  // in DoneCallbacks
};
std::uint64_t add_done_callback(FutureBase& subject, DoneCallback& callback) noexcept;
bool remove_done_callback(FutureBase& subject, std::uint64_t token);

template <class Handle, class F>
class DoneCallbackOf final : public DoneCallback {
 public:
  DoneCallbackOf(FutureBase& subject, Context context, F callable)
      : DoneCallback(subject, std::move(context)), callable_(std::move(callable)) {}

 private:
  void call() override { callable_(Handle(static_cast<typename Handle::State&>(*subject_))); }

  F callable_;
};

// The storage behind a Task<T> or Future<T>, apart from what does not depend on T.
template <class T, class Base>
class ValueState : public Base {
 public:
  using Value = T;
  using Base::Base;

  // Moves the value out where there are no references but `own` of the caller's.
  T take_or_copy(std::uint32_t own = 1) {
    if (result.state() == ResultSlot<T>::State::exception) std::rethrow_exception(result.exception());
    if (this->shared(own)) {
      if constexpr (std::is_void_v<T> || std::is_reference_v<T> || std::is_copy_constructible_v<T>) {
        return result.get();
      } else {
        throw RuntimeError("a result that cannot be copied was awaited through one of several handles");
      }
    }
    return result.take();
  }

  std::exception_ptr outcome_exception() noexcept final {
    this->mark_retrieved();
    return result.exception();
  }

  [[no_unique_address]] ResultSlot<T> result;
};

template <class T>
class FutureState final : public ValueState<T, FutureBase> {
 public:
  explicit FutureState(LoopCore& loop) : ValueState<T, FutureBase>(&loop) {}
  static void* operator new(std::size_t size) { return FramePool::get(size); }
  static void operator delete(void* memory, std::size_t size) noexcept { FramePool::put(memory, size); }

  void run() noexcept override {}

  template <class... Args>
  void succeed(Args&&... args) {
    this->require_pending("Future.set_result");
    {
      // The constructor of the value may throw; it may also come back here.
      FutureBase::Settling settling(*this);
      this->result.emplace(std::forward<Args>(args)...);
    }
    this->complete(0);
  }
  void fail(std::exception_ptr error) {
    this->require_pending("Future.set_exception");
    this->result.fail(std::move(error));
    this->complete_with(this->result.exception());
  }
  bool cancel(std::string_view message) noexcept override {
    if (!this->pending()) {
      this->mark_retrieved();  // whoever cancels it does not mind how it ended
      return false;
    }
    this->result.fail(detail::make_cancelled(message));
    this->complete(FutureBase::cancelled_flag);
    return true;
  }

 private:
  ~FutureState() = default;
  void destroy() noexcept override {
    this->before_destroy(this->result.exception());
    delete this;
  }
};

void require_exception(const std::exception_ptr& error, const char* operation);  // throws ValueError where it is null

}  // namespace detail

// A result that will be available: what a callback, or another task, gives to those who await it.
//
//   Future<std::string> reply;
//   link.on_reply([reply](std::string text) { reply.set_result(std::move(text)); });
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
    return state().result.get();
  }
  // Its exception, null after a value. Throws CancelledError where it was cancelled, InvalidStateError while pending.
  std::exception_ptr exception() const { return detail::exception_of(state()); }

  // Waits until it has ended, whatever with: throws nothing of it. A cancel of the caller ends the wait, and is not passed
  // on.
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
