// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/chrono.h>
#include <asyncio/detail/duration.h>
#include <asyncio/event_loop.h>
#include <asyncio/lowlevel/wait_queue.h>

#include <exception>
#include <optional>

namespace asyncio::inline ASYNCIO_ABI {

struct RateLimiterOptions {
  // How much can be saved up while nobody takes; nothing: as much as comes in one period, and at least 1.
  std::optional<double> burst = std::nullopt;
};

// Limits how often something is done: so much in a period, on the average.
//
//   RateLimiter limiter(100, 1s);             // a hundred a second; a quiet hour, too, leaves only a hundred over
//   RateLimiter even(100, 1s, {.burst = 1});  // one each 10 ms, and never two at once
//   RateLimiter slow(0.5, 1s);                // one each two seconds
//
//   Coro<Page> fetch(Url url) {
//     co_await limiter.acquire();             // waits until it is its turn
//     co_return co_await download(url);
//   }
//
// What is counted need not be calls: `co_await bytes.acquire(data.size())`.
// It is a token bucket: `burst` tokens fit, `amount` of them come in each `period`, evenly, and at first it is full.
// Over any time t at most burst + t * amount / period are taken. Semaphore is the one that limits how many are at it at
// a time; with both a call takes its turn first: `co_await limiter.acquire(); auto slot = co_await slots.scoped();`.
//
// Order: tasks that wait are served in the order in which they came, and at the very moment; whoever comes later waits
// behind them, even if there is enough for the little that it wants.
// A wait that is cancelled throws CancelledError and takes nothing; those behind it move up. A task that has been given
// its tokens has them, and a cancel after that lands at its next wait. What was taken is never given back. May be made
// anywhere; used by the tasks of one loop at a time, by whose clock it goes. Not thread-safe. Tasks that still wait
// when it is destroyed can only be cancelled from then on.
// Python: none in asyncio; aiolimiter.AsyncLimiter. `async with limiter` is acquire(), or `with(limiter, body)`.
class RateLimiter : private lowlevel::Timer {
 public:
  class Acquire;

  // Throws ValueError unless amount, period and burst are more than 0, and a burst comes within sixty years.
  template <class Rep, class Period>
  RateLimiter(double amount, std::chrono::duration<Rep, Period> period, const RateLimiterOptions& options = {})
      : RateLimiter(Nanoseconds(period).count() / amount, amount, options.burst) {}
  RateLimiter(const RateLimiter&) = delete;
  RateLimiter& operator=(const RateLimiter&) = delete;
  ~RateLimiter();

  // Takes so many tokens, a part of one too, and waits until there are as many. Throws ValueError in the call where
  // there never can be, because it is more than a burst, and for a negative number.
  Acquire acquire(double amount = 1);

  // Takes them if they are there and nobody waits; never waits. Throws as acquire() does; RuntimeError where no loop
  // runs.
  bool try_acquire(double amount = 1);

  // How many could be taken now. RuntimeError where no loop runs.
  double available() const;

  // For with(limiter, body).
  Acquire enter();
  void exit_now(std::exception_ptr) {}

 private:
  using Nanoseconds = std::chrono::duration<double, std::nano>;

  RateLimiter(double interval, double amount, std::optional<double> burst);
  void require_possible(double amount) const;
  double wait_for_tokens(double amount, TimePoint now) const;
  void take(double amount, TimePoint now);
  void adopt_clock(TimePoint now);
  bool take_if_there(double amount);
  void serve() noexcept;
  static void fire(Timer& timer) noexcept;

  lowlevel::WaitQueue waiters_;
  EventLoop* loop_ = nullptr;  // where the timer is armed, for the first of those that wait
  double interval_;            // between two tokens, in nanoseconds
  double burst_;
  TimePoint full_at_ = (TimePoint::min)();  // when the bucket is full again, if nobody takes, and
  double fraction_ = 0;  // the part of a nanosecond that belongs to it: it must not add up to an error
};

// Awaiting it takes tokens; no coroutine frame, and no suspension where there are enough.
class [[nodiscard("nothing is waited for: write co_await")]] RateLimiter::Acquire : public lowlevel::QueuedWaiter {
 public:
  Acquire(RateLimiter& owner, double amount) : QueuedWaiter(owner.waiters_, kind), owner_(&owner), amount_(amount) {}

  bool await_ready() { return owner_->take_if_there(amount_); }
  template <class P>
  void await_suspend(std::coroutine_handle<P> self) {
    QueuedWaiter::await_suspend(self);
    owner_->serve();
  }

 private:
  friend RateLimiter;
  static const lowlevel::WaitKind kind;
  static void leave(Waiter& waiter) noexcept;

  RateLimiter* owner_;
  double amount_;
};

inline RateLimiter::Acquire RateLimiter::enter() { return acquire(); }

}  // namespace asyncio::inline ASYNCIO_ABI
