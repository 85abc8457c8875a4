// SPDX-License-Identifier: MIT
#include <asyncio/rate_limiter.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

// The bucket is kept as the moment at which it will be full again: taking a token moves that by one interval, and a
// token is there as long as the moment is not more than a whole bucket ahead. (This is the generic cell rate algorithm,
// of ITU-T I.371.) So nothing has to be filled up by the passing of time, and all that there is to round is that
// moment, of which the remainder is kept. A wait is rounded down to nanoseconds: rounded up, each would let a part of a
// token go by a full bucket.

namespace asyncio::inline ASYNCIO_ABI {

using namespace lowlevel;

namespace {
constexpr double tick = 1;        // ns
constexpr double longest = 2e18;  // ns, sixty years: the clock reaches that far, and twice that far

// With a point, whatever the locale.
std::string text_of(double number) {
  std::array<char, 40> text;
  char* const begin = text.data();
  return {begin, std::to_chars(begin, begin + text.size(), number, std::chars_format::general, 6).ptr};
}

TimePoint later(TimePoint now, double ns) {
  return now + std::chrono::nanoseconds(static_cast<std::chrono::nanoseconds::rep>(ns));
}
}  // namespace

const WaitKind RateLimiter::Acquire::kind{"RateLimiter.acquire", &leave};

RateLimiter::RateLimiter(double interval, double amount, std::optional<double> burst)
    : Timer(&fire), interval_(interval), burst_(burst.value_or(std::max(1.0, amount))) {
  if (!(interval > 0)) {
    throw ValueError("RateLimiter: the amount and the period must be more than 0; the amount is " +
                     std::to_string(amount));
  }
  if (!(burst_ > 0)) throw ValueError("RateLimiter: the burst must be more than 0, not " + std::to_string(burst_));
  if (!(burst_ * interval <= longest))
    throw ValueError("RateLimiter: a burst would take more than sixty years to come");
}

RateLimiter::~RateLimiter() {
  if (armed()) loop_->disarm(*this);
}

RateLimiter::Acquire RateLimiter::acquire(double amount) {
  require_possible(amount);
  return Acquire(*this, amount);
}

bool RateLimiter::try_acquire(double amount) {
  require_possible(amount);
  return take_if_there(amount);
}

double RateLimiter::available() const {
  return std::max(0.0,
                  -wait_for_tokens(0, EventLoop::of(detail::running_loop("RateLimiter.available")).time()) / interval_);
}

void RateLimiter::require_possible(double amount) const {
  if (!(amount >= 0))
    throw ValueError("RateLimiter.acquire: the amount must not be negative, and is " + std::to_string(amount));
  if (amount > burst_)
    throw ValueError("RateLimiter.acquire: " + text_of(amount) + " are never there at once, of at most " +
                     text_of(burst_));
}

// In nanoseconds; negative where there is more than that.
double RateLimiter::wait_for_tokens(double amount, TimePoint now) const {
  const double whole = burst_ * interval_;
  const double missing = full_at_ < now ? 0 : static_cast<double>((full_at_ - now).count()) + fraction_;
  return missing + amount * interval_ - whole;
}

void RateLimiter::take(double amount, TimePoint now) {
  const double missing = std::max(0.0, wait_for_tokens(amount, now) + burst_ * interval_);
  full_at_ = later(now, missing);
  fraction_ = missing - std::floor(missing);
}

// More than a whole bucket cannot be missing: where it is, that was the clock of another loop.
void RateLimiter::adopt_clock(TimePoint now) {
  if (wait_for_tokens(0, now) > tick) full_at_ = later(now, burst_ * interval_);
}

bool RateLimiter::take_if_there(double amount) {
  if (!waiters_.empty()) return false;
  const TimePoint now = EventLoop::of(detail::running_loop("RateLimiter.acquire")).time();
  adopt_clock(now);
  if (wait_for_tokens(amount, now) >= tick) return false;
  take(amount, now);
  return true;
}

// Lets those go on for whom there is enough, and has the timer fire when there is for the next one.
void RateLimiter::serve() noexcept {
  while (!waiters_.empty()) {
    Acquire& first = static_cast<Acquire&>(waiters_.front());
    EventLoop& loop = EventLoop::of(*first.task()->loop());
    const TimePoint now = loop.time();
    const double wait = wait_for_tokens(first.amount_, now);
    if (wait >= tick) {
      if (armed()) return;
      loop_ = &loop;
      loop.arm(*this, later(now, wait));
      return;
    }
    take(first.amount_, now);
    waiters_.wake_one();
  }
}

void RateLimiter::fire(Timer& timer) noexcept { static_cast<RateLimiter&>(timer).serve(); }

void RateLimiter::Acquire::leave(Waiter& waiter) noexcept {
  Acquire& self = static_cast<Acquire&>(waiter);
  if (self.alone()) return;  // the limiter has been destroyed
  RateLimiter& limiter = *self.owner_;
  const bool first = &limiter.waiters_.front() == &self;
  self.unlink();
  if (!first) return;
  // The next one may want less, so that its time comes earlier, or has come.
  if (limiter.armed()) limiter.loop_->disarm(limiter);
  limiter.serve();
}

}  // namespace asyncio::inline ASYNCIO_ABI
