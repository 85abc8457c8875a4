// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/context.h>
#include <asyncio/detail/ref.h>
#include <asyncio/detail/result_slot.h>
#include <asyncio/error.h>
#include <asyncio/lowlevel/waiter.h>

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <string_view>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI::detail {

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

  void take_back() noexcept;
  void check_forwarded();
};

template <class State>
class Join : public JoinBase {
 public:
  explicit Join(State& state) : JoinBase(state) {}
  decltype(auto) await_resume() {
    check_join();
    return static_cast<State*>(state_)->get();
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

// A callable that is to run when a future or task has ended; in its list of joiners until then, in the loop's queue
// after. Until then it is in LoopCore::callbacks, too.
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
class ValueState : public WithResult<T, Base> {
 public:
  using Value = T;
  using WithResult<T, Base>::WithResult;

  // Moves the value out where there are no references but `own` of the caller's.
  T take_or_copy(std::uint32_t own = 1) {
    if (this->has_error()) std::rethrow_exception(this->word_.error);
    if (this->shared(own)) {
      if constexpr (std::is_void_v<T> || std::is_reference_v<T> || std::is_copy_constructible_v<T>) {
        return this->get();
      } else {
        this->throw_not_copyable();
      }
    }
    return this->take();
  }

  std::exception_ptr outcome_exception() noexcept final {
    this->mark_retrieved();
    return this->exception();
  }
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
      this->emplace(std::forward<Args>(args)...);
    }
    this->complete(0);
  }
  void fail(std::exception_ptr error) {
    this->require_pending("Future.set_exception");
    this->WithResult<T, FutureBase>::fail(std::move(error));
    this->complete_with(this->word_.error);
  }
  bool cancel(std::string_view message) noexcept override {
    if (!this->pending()) {
      this->mark_retrieved();  // whoever cancels it does not mind how it ended
      return false;
    }
    this->WithResult<T, FutureBase>::fail(detail::make_cancelled(message));
    this->complete(FutureBase::cancelled_flag);
    return true;
  }

 private:
  ~FutureState() = default;
  void destroy() noexcept override {
    this->before_destroy(this->exception());
    delete this;
  }
};

void require_exception(const std::exception_ptr& error, const char* operation);  // throws ValueError where it is null

}  // namespace asyncio::inline ASYNCIO_ABI::detail
