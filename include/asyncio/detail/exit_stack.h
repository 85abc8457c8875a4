// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/invoke.h>
#include <asyncio/with.h>

#include <exception>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

template <class X>  // may be a reference
class ExitStack::EntryOf final : public Entry {
 public:
  template <class... Args>
  explicit EntryOf(Args&&... args) : x(std::forward<Args>(args)...) {}
  Coro<bool> leave(std::exception_ptr error) override { return detail::exit_block(x, std::move(error)); }

  X x;
};

template <class F, class... Args>
class ExitStack::CallbackExit {
 public:
  template <class G, class... Given>
  explicit CallbackExit(G&& f, Given&&... args) : f_(std::forward<G>(f)), args_(std::forward<Given>(args)...) {}
  void enter_now() {}
  void exit_now(const std::exception_ptr&)
    requires(!Awaitable<detail::CallOnceResult<F, Args...>>)
  {
    call();
  }
  Coro<> exit(std::exception_ptr)
    requires Awaitable<detail::CallOnceResult<F, Args...>>
  {
    co_await call();
  }

 private:
  decltype(auto) call() {
    return std::apply([this](Args&... args) -> decltype(auto) { return detail::call_once(f_, args...); }, args_);
  }

  F f_;
  std::tuple<Args...> args_;
};

template <class F>
class ExitStack::ErrorExit {
  using Returned = std::invoke_result_t<F&, std::exception_ptr>;

 public:
  explicit ErrorExit(F f) : f_(std::move(f)) {}
  void enter_now() {}
  Returned exit_now(std::exception_ptr error)
    requires(!Awaitable<Returned>)
  {
    return f_(std::move(error));
  }
  Returned exit(std::exception_ptr error)
    requires Awaitable<Returned>
  {
    return f_(std::move(error));
  }

 private:
  F f_;
};

template <class X, class... Args>
void ExitStack::push_entry(Args&&... args) {
  entries_.push_back(std::make_unique<EntryOf<X>>(std::forward<Args>(args)...));
}

template <class X, class Block>
Coro<Block&> ExitStack::enter_and_give_block(std::unique_ptr<EntryOf<X>> entry) {
  Block& block = entry->x;
  make_room();
  co_await detail::enter_block(block);
  entries_.push_back(std::move(entry));
  co_return block;
}

template <class X, class Y>
Coro<Y> ExitStack::enter_and_give(std::unique_ptr<EntryOf<X>> entry) {
  make_room();
  Y entered = co_await detail::enter_block(entry->x);
  entries_.push_back(std::move(entry));
  co_return static_cast<Y&&>(entered);
}

template <class X>
auto ExitStack::enter_entry(std::unique_ptr<EntryOf<X>> entry) {
  using Block = std::remove_reference_t<X>;
  using Y = typename detail::BlockTraits<Block>::Entered;
  if constexpr (std::is_void_v<Y>) {
    return enter_and_give_block<X, Block>(std::move(entry));
  } else {
    return enter_and_give<X, Y>(std::move(entry));
  }
}

template <class X>
auto ExitStack::enter(X&& x) {
  using Held = std::conditional_t<std::is_lvalue_reference_v<X>, X, std::remove_cvref_t<X>>;
  static_assert(detail::Enterable<std::remove_reference_t<X>> && detail::Exitable<std::remove_reference_t<X>>,
                "enter: this can not stand in with(): it needs enter() and exit(), or enter_now() and exit_now()");
  return enter_entry<Held>(std::make_unique<EntryOf<Held>>(std::forward<X>(x)));
}

template <class F, class... Args>
  requires detail::CallableLater<F, Args...>
void ExitStack::callback(F&& f, Args&&... args) {
  detail::check_call_later<F, Args...>();
  push_entry<CallbackExit<std::decay_t<F>, std::decay_t<Args>...>>(std::forward<F>(f), std::forward<Args>(args)...);
}

template <class F>
  requires std::invocable<std::decay_t<F>&, std::exception_ptr>
void ExitStack::push(F&& f) {
  push_entry<ErrorExit<std::decay_t<F>>>(std::forward<F>(f));
}

}  // namespace asyncio::inline ASYNCIO_ABI
