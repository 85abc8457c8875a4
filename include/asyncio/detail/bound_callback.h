// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/context.h>
#include <asyncio/detail/callback.h>

#include <typeinfo>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI::detail {

template <class Signature>
class BoundCallback;

// A callable and the context that it was registered in: it is called there, and destroyed there, whoever does it. What
// the library keeps of its users' callables it keeps in one of these.
template <class R, class... Args>
class BoundCallback<R(Args...)> {
 public:
  BoundCallback() = default;  // empty
  explicit BoundCallback(Callback<R(Args...)>&& callback, Context context = Context::current())
      : callback_(std::move(callback)), context_(std::move(context)) {}
  BoundCallback(BoundCallback&& other) noexcept = default;
  BoundCallback& operator=(BoundCallback&& other) noexcept {
    if (this != &other) {
      reset();
      callback_ = std::move(other.callback_);
      context_ = std::move(other.context_);
    }
    return *this;
  }
  ~BoundCallback() { reset(); }

  explicit operator bool() const { return static_cast<bool>(callback_); }
  const std::type_info& type() const { return callback_.type(); }
  Context& context() { return context_; }

  R operator()(Args... args) {
    Context::Entered entered(context_);
    return callback_(std::forward<Args>(args)...);
  }

  // Calls use(callable), which calls it for the last time: callable and context are gone afterwards. *this must live
  // meanwhile, but may be reset by the call.
  template <class F>
  void finish(F&& use) {
    {
      Context::Entered entered(context_);
      typename Callback<R(Args...)>::Last last(callback_);
      use(last);
    }
    context_ = Context();
  }

  void reset() noexcept {
    if (!callback_) return;
    Context context = std::move(context_);  // the callable may take *this with it
    Context::Entered entered(context);
    Callback<R(Args...)> dropped = std::move(callback_);
  }

 private:
  Callback<R(Args...)> callback_;
  Context context_;
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
