// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/construct.h>
#include <asyncio/detail/invoke.h>
#include <asyncio/lowlevel/waiter.h>
#include <asyncio/task.h>

#include <concepts>
#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

template <class X>
concept EntersNow = requires(X& x) { x.enter_now(); };
template <class X>
concept ExitsNow = requires(X& x, std::exception_ptr error) { x.exit_now(std::move(error)); };
template <class X>
concept ExitsInPlace = requires {
  { std::bool_constant<X::exits_in_place>() } -> std::same_as<std::true_type>;
};
template <class X>
concept Enterable = EntersNow<X> || requires(X& x) {
  { x.enter() } -> Awaitable;
};
template <class X>
concept Exitable = ExitsNow<X> || requires(X& x, std::exception_ptr error) {
  { x.exit(std::move(error)) } -> Awaitable;
};

template <class X>
struct BlockTraits {
  static auto entered() {
    if constexpr (EntersNow<X>) {
      return std::type_identity<decltype(std::declval<X&>().enter_now())>();
    } else {
      return std::type_identity<AwaitResult<decltype(std::declval<X&>().enter())>>();
    }
  }
  static auto exited() {
    if constexpr (ExitsNow<X>) {
      return std::type_identity<decltype(std::declval<X&>().exit_now(nullptr))>();
    } else {
      return std::type_identity<AwaitResult<decltype(std::declval<X&>().exit(nullptr))>>();
    }
  }
  using Entered = typename decltype(entered())::type;  // what entering gives
  static constexpr bool suppresses = !std::is_void_v<typename decltype(exited())::type>;
};

// What entering a block gave, until the block is left; Y may be void or a reference.
template <class Y>
struct Entered;
template <>
struct Entered<void> {
  template <class F, class X>
  decltype(auto) call(F& body, X& x) {
    if constexpr (std::invocable<F&, X&>) {
      return detail::invoke(body, x);
    } else {
      static_assert(
          std::invocable<F&>,
          "with: the body takes what enter() gives, or the first argument of with() by reference, or nothing");
      return detail::invoke(body);
    }
  }
};
template <class Y>
struct Entered {
  explicit Entered(Y&& given) : value(std::forward<Y>(given)) {}
  template <class F, class X>
  decltype(auto) call(F& body, X& x) {
    if constexpr (std::invocable<F&, Y>) {
      return detail::invoke(body, std::forward<Y>(value));
    } else if constexpr (std::invocable<F&, Y&>) {
      return detail::invoke(body, value);
    } else {
      return Entered<void>().call(body, x);
    }
  }
  Y value;
};

// What the body of a block returns.
template <class F, class X>
using BodyResult =
    decltype(std::declval<Entered<typename BlockTraits<X>::Entered>&>().call(std::declval<F&>(), std::declval<X&>()));

// What a block gives whose body gives a T.
template <class T, bool suppresses>
struct BlockResultOf {
  using type = T;
};
template <class T>
struct BlockResultOf<T, true> {
  using type = std::optional<T>;
};
template <class T>
struct BlockResultOf<T&, true> {
  using type = T*;  // null where an exception was suppressed
};
template <>
struct BlockResultOf<void, true> {
  using type = bool;
};
template <class T, class X>
using BlockResult = typename BlockResultOf<T, BlockTraits<X>::suppresses>::type;

template <class X, class Y>
void enter_now(X& x, std::optional<Entered<Y>>& entered) {
  if constexpr (std::is_void_v<Y>) {
    x.enter_now();
    entered.emplace();
  } else {
    entered.emplace(x.enter_now());
  }
}

// What leaves a block: the value of the body, or its exception, unless that is suppressed.
template <bool suppresses, class T, class Owner>
typename BlockResultOf<T, suppresses>::type block_result(WithResult<T, Owner>& outcome, bool suppressed) {
  if constexpr (suppresses) {
    if (suppressed && outcome.has_error()) return {};
    if constexpr (std::is_void_v<T>) {
      outcome.take();
      return true;
    } else if constexpr (std::is_reference_v<T>) {
      return &outcome.take();
    } else {
      return outcome.take();
    }
  } else {
    return outcome.take();
  }
}

// Waits for the task that runs an exit; no cancel interrupts it.
class [[nodiscard("nothing is waited for: write co_await")]] ExitWait : public lowlevel::LinkedWaiter {
 public:
  explicit ExitWait(const AnyTask& exit) : LinkedWaiter(kind), exit_(exit) {}
  ~ExitWait();

  bool await_ready() const { return exit_.done(); }
  template <class P>
  void await_suspend(std::coroutine_handle<P> self) {
    exit_.state().joiners().push_back(*this);
    park(self);
  }
  void await_resume() const {
    if (!exit_.state().plain()) take_over_context();
  }

 private:
  static const lowlevel::WaitKind kind;
  void take_over_context() const;  // the exit is part of the task that waits: what it has set is set there

  AnyTask exit_;
};

// Enters x as with() does, for those who write blocks of blocks.
template <class X>
Coro<typename BlockTraits<X>::Entered> enter_block(X& x) {
  if constexpr (EntersNow<X>) {
    co_return x.enter_now();
  } else {
    co_return co_await x.enter();
  }
}

// Leaves x as with() does: true where that suppresses `error`. It goes by an address without a type, because g++ warns
// of a frame that refers to one which is local to the user's file (-Wsubobject-linkage).
template <class X>
X& block_at(const void* place) {
  return *static_cast<X*>(const_cast<void*>(place));
}
template <class X>
Coro<bool> exit_block_at(const void* place, std::exception_ptr error) {
  if constexpr (ExitsNow<X>) {
    if constexpr (BlockTraits<X>::suppresses) co_return detail::block_at<X>(place).exit_now(std::move(error));
    detail::block_at<X>(place).exit_now(std::move(error));
  } else if constexpr (ExitsInPlace<X>) {
    if constexpr (BlockTraits<X>::suppresses) co_return co_await detail::block_at<X>(place).exit(std::move(error));
    co_await detail::block_at<X>(place).exit(std::move(error));
  } else {
    Context context;
    TaskOptions options;
    if (!this_thread.task->plain()) {
      context = current_task().context();
      options.context = &context;
    }
    auto exit = asyncio::create_task(detail::block_at<X>(place).exit(std::move(error)), options);
    co_await ExitWait(exit);
    if constexpr (BlockTraits<X>::suppresses) co_return exit.result();
    exit.result();
  }
  co_return false;
}
template <class X>
Coro<bool> exit_block(X& x, std::exception_ptr error) {
  return detail::exit_block_at<X>(detail::pointer_to(x), std::move(error));
}

// A block whose beginning or end waits, or whose body does not. X may be a reference.
template <class X, class F, class T>
Coro<BlockResult<T, std::remove_reference_t<X>>> run_block(X x, F body) {
  using Traits = BlockTraits<std::remove_reference_t<X>>;
  using Y = typename Traits::Entered;
  std::optional<Entered<Y>> entered;
  if constexpr (EntersNow<std::remove_reference_t<X>>) {
    enter_now(x, entered);
  } else if constexpr (std::is_void_v<Y>) {
    co_await x.enter();
    entered.emplace();
  } else {
    entered.emplace(co_await x.enter());
  }
  ResultSlot<T> outcome;
  try {
    if constexpr (std::is_void_v<BodyResult<F, std::remove_reference_t<X>>>) {
      entered->call(body, x);
      outcome.emplace();
    } else if constexpr (std::is_void_v<T>) {
      co_await entered->call(body, x);
      outcome.emplace();
    } else {
      outcome.emplace(co_await entered->call(body, x));
    }
  } catch (...) {
    outcome.fail(std::current_exception());
  }
  const bool suppressed = co_await detail::exit_block(x, outcome.exception());
  co_return detail::block_result<Traits::suppresses>(outcome, suppressed);
}

// A block whose beginning and end wait for nothing: the body is all that runs as a coroutine. X may be a reference.
template <class X, class F, class T>
class [[nodiscard("a block runs when it is awaited: write co_await")]] PlainBlock : public lowlevel::NativeAwaiter {
  using Traits = BlockTraits<std::remove_reference_t<X>>;

 public:
  PlainBlock(X&& x, F&& body) : x_(std::forward<X>(x)), body_(std::move(body)) {}
  PlainBlock(PlainBlock&& other) : x_(std::forward<X>(other.x_)), body_(std::move(other.body_)) {}

  // So that `Coro<T> f() { return with(...); }` does not depend on what stands as x.
  operator Coro<BlockResult<T, std::remove_reference_t<X>>>() && { return detail::as_coro(std::move(*this)); }

  bool await_ready() {
    if (run_.has_value()) [[unlikely]]
      throw_awaited_twice();
    enter_now(x_, entered_);
    try {
      run_.emplace(entered_->call(body_, x_).release());
    } catch (...) {  // of a body that is not a coroutine itself
      if constexpr (Traits::suppresses) {
        if (x_.exit_now(std::current_exception())) return true;
      } else {
        x_.exit_now(std::current_exception());
      }
      throw;
    }
    return run_->await_ready();
  }
  template <class P>
  auto await_suspend(std::coroutine_handle<P> self) {
    return run_->await_suspend(self);
  }
  BlockResult<T, std::remove_reference_t<X>> await_resume() {
    if constexpr (Traits::suppresses) {
      if (!run_.has_value()) [[unlikely]]
        return {};  // the body has thrown before it became a coroutine, and x has suppressed that
    }
    auto& outcome = run_->result();
    bool suppressed = false;
    if constexpr (Traits::suppresses) {
      suppressed = x_.exit_now(outcome.exception());
    } else {
      x_.exit_now(outcome.exception());
    }
    return detail::block_result<Traits::suppresses>(outcome, suppressed);
  }

 private:
  X x_;
  F body_;
  std::optional<Entered<typename Traits::Entered>> entered_;
  std::optional<typename Coro<T>::Awaiter> run_;  // the body, once started
};

}  // namespace detail

template <class X, class F>
auto with(X&& x, F&& body) {
  using Held = std::conditional_t<std::is_lvalue_reference_v<X>, X, std::remove_cvref_t<X>>;
  using Block = std::remove_reference_t<X>;
  using Body = std::decay_t<F>;
  static_assert(detail::Enterable<Block>, "with: the first argument needs `Coro<Y> enter()` or `Y enter_now()`");
  static_assert(detail::Exitable<Block>,
                "with: the first argument needs `Coro<bool> exit(std::exception_ptr)` or exit_now()");
  if constexpr (detail::Enterable<Block> && detail::Exitable<Block>) {
    using Run = detail::BodyResult<Body, Block>;
    static_assert(
        Awaitable<Run> || std::is_void_v<Run>,
        "with: the body must be a coroutine that returns asyncio::Coro and ends with co_return, or return void");
    if constexpr (std::is_void_v<Run>) {
      return detail::run_block<Held, Body, void>(std::forward<X>(x), std::forward<F>(body));
    } else if constexpr (!Awaitable<Run>) {
      return;
    } else if constexpr (detail::EntersNow<Block> && detail::ExitsNow<Block> && detail::is_coro<Run>) {
      return detail::PlainBlock<Held, Body, AwaitResult<Run>>(std::forward<X>(x), Body(std::forward<F>(body)));
    } else {
      return detail::run_block<Held, Body, AwaitResult<Run>>(std::forward<X>(x), std::forward<F>(body));
    }
  }
}

}  // namespace asyncio::inline ASYNCIO_ABI
