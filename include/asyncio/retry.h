// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/callback.h>
#include <asyncio/detail/holds.h>
#include <asyncio/time_limit.h>

#include <cstdint>
#include <exception>
#include <optional>
#include <type_traits>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI {

// Tries again what has failed, after a while that grows from failure to failure.
//
//   Page page = co_await retry([&] { return wait_for(fetch(url), 2s); });   // up to five times
//
//   auto connection = co_await retry([] { return open_connection("db", 5432); }, {
//       .attempts = std::nullopt,                                           // as often as there is time for, which is
//       .timeout = 1min,
//       .delay = 50ms,                                                      // before the second one
//       .retry_if = error_is<std::system_error>,
//       .on_failure = [](const FailedAttempt& failed) { log(failed.number, failed.error); },
//   });
//
// Awaits f(), and gives its value. Where that throws, waits and calls f again, until it gives a value, the attempts or
// the time are used up, or `retry_if` says no to an error: the last error then comes out as it is, with its traceback;
// those before it are in `history`, if there is one. Only errors are retried: CancelledError, SystemExit and
// KeyboardInterrupt come out at once. A cancel ends the wait between attempts, and reaches f as any other.
//
// The waits: `delay`, then `factor` times as long each time, up to `longest_delay`. Of each a random share, up to
// `jitter`, is left out, so that clients which failed together do not all come back together: 0 leaves out nothing, and
// 1 whatever chance will have. They are sleep()s, so that a virtual clock makes nothing of them.
//
// The timeout is looked at between the attempts: one that runs is never interrupted. No wait is begun that would end
// after it, because nothing could follow it. To limit an attempt, or to break off the last one, put
// wait_for() inside or around: wait_for(retry(f), 10s).
//
// f should do no harm if it did half of its work: an order must not be placed twice. It is kept until retry() ends,
// with its arguments, which it gets as lvalues, at each attempt the same. Python: none in asyncio; the tenacity
// library.

// An attempt that failed.
struct FailedAttempt {
  int number;                                     // 1 is the first
  std::exception_ptr error;                       // what it threw
  std::chrono::nanoseconds elapsed;               // since the first one began
  std::optional<std::chrono::nanoseconds> delay;  // how long the next one is waited for; nothing where there is none
};

struct RetryOptions {
  std::optional<int> attempts = 5;  // at most, the first one too; std::nullopt: no limit
  TimeLimit timeout = {};           // no attempt begins later than that after the first one
  std::chrono::nanoseconds delay = std::chrono::milliseconds(100);
  double factor = 2;
  std::chrono::nanoseconds longest_delay = std::chrono::seconds(30);
  double jitter = 0.5;
  std::optional<std::uint64_t> seed = std::nullopt;  // of the chance; the same one gives the same waits
  detail::Callback<bool(const std::exception_ptr&)> retry_if = nullptr;  // empty: whatever the error is
  detail::Callback<void(const FailedAttempt&)> on_failure = nullptr;     // is told of each failure, before the wait
  std::vector<FailedAttempt>* history = nullptr;  // gets each failure; must live until retry() has ended
};

// For retry_if: whether the error is one of these, or derives from one.
//
//   co_await retry(f, {.retry_if = error_is<TimeoutError, IncompleteReadError>});
template <class... Errors>
bool error_is(const std::exception_ptr& error) {
  return error != nullptr && (detail::holds<Errors>(error) || ...);
}

// Throw ValueError in the call for fewer attempts than one, a negative delay, a factor below 1, and a jitter that is
// not between 0 and 1.
template <class F>
auto retry(F&& f, RetryOptions options = {});
template <class F, class... Args>
auto retry(RetryOptions options, F&& f, Args&&... args);

}  // namespace asyncio::inline ASYNCIO_ABI

#include <asyncio/detail/retry.h>
