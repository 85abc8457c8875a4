// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/foreign_awaiter.h>

#include <concepts>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

// What from_foreign() gives to co_await.
template <class A, class F>
class [[nodiscard]] FromForeign {
 public:
  class Awaiter final : public ForeignAwaiter<A> {
   public:
    Awaiter(A&& awaitable, F& on_cancel)
        : ForeignAwaiter<A>(static_cast<A&&>(awaitable), ForeignWait::cancellable), on_cancel_(on_cancel) {}

    decltype(auto) await_resume() {
      this->check_foreign();
      try {
        return ForeignAwaiter<A>::await_resume();
      } catch (...) {
        this->check_asked();
        throw;
      }
    }

   private:
    bool ask_to_stop() override {
      if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
        on_cancel_();
        return false;
      } else {
        return on_cancel_();
      }
    }

    F& on_cancel_;
  };

  FromForeign(A&& awaitable, F on_cancel) : awaitable_(static_cast<A&&>(awaitable)), on_cancel_(std::move(on_cancel)) {}

  Awaiter operator co_await() && { return Awaiter(static_cast<A&&>(awaitable_), on_cancel_); }

 private:
  A awaitable_;
  F on_cancel_;
};

}  // namespace detail

template <Awaitable A, std::invocable F>
detail::FromForeign<A, F> from_foreign(A&& awaitable, F on_cancel) {
  static_assert(!detail::NativeAwaitable<A>,
                "from_foreign() is for the awaiters of other libraries: just co_await this one");
  return detail::FromForeign<A, F>(static_cast<A&&>(awaitable), std::move(on_cancel));
}

}  // namespace asyncio::inline ASYNCIO_ABI
