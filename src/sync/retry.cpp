// SPDX-License-Identifier: MIT
#include <asyncio/retry.h>

#include <asyncio/outcome.h>

#include <algorithm>
#include <limits>
#include <random>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

namespace {
void require_valid(const RetryOptions& options) {
  if (options.attempts && *options.attempts < 1)
    throw ValueError("retry: there must be at least one attempt, not " + std::to_string(*options.attempts));
  const std::chrono::nanoseconds shortest = std::min(options.delay, options.longest_delay);
  if (shortest.count() < 0)
    throw ValueError("retry: a delay must not be negative, and is " + std::to_string(shortest.count()) + " ns");
  if (!(options.factor >= 1))
    throw ValueError("retry: the factor must be at least 1, not " + std::to_string(options.factor));
  if (!(options.jitter >= 0 && options.jitter <= 1))
    throw ValueError("retry: the jitter must be between 0 and 1, not " + std::to_string(options.jitter));
}

std::uint64_t random_seed() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}
}  // namespace

RetryState::RetryState(RetryOptions options)
    : options_(std::move(options)), delay_(std::min(options_.delay, options_.longest_delay)) {
  require_valid(options_);
  random_ = options_.seed ? *options_.seed : random_seed();
}

void RetryState::begin() { begun_ = get_running_loop().time(); }

std::chrono::nanoseconds RetryState::after(std::exception_ptr error) {
  if (passes_outcomes(error)) std::rethrow_exception(std::move(error));
  if (attempt_ < std::numeric_limits<int>::max()) ++attempt_;
  const std::chrono::nanoseconds elapsed = get_running_loop().time() - begun_;
  const std::optional<std::chrono::nanoseconds> delay = next_delay(error, elapsed);
  const FailedAttempt failed{attempt_, error, elapsed, delay};
  if (options_.history != nullptr) options_.history->push_back(failed);
  if (options_.on_failure) options_.on_failure(failed);
  if (!delay) std::rethrow_exception(std::move(error));
  return *delay;
}

std::optional<std::chrono::nanoseconds> RetryState::next_delay(const std::exception_ptr& error,
                                                               std::chrono::nanoseconds elapsed) {
  if (options_.attempts && attempt_ >= *options_.attempts) return std::nullopt;
  if (options_.retry_if && !options_.retry_if(error)) return std::nullopt;
  const double full = static_cast<double>(delay_.count());
  const std::chrono::nanoseconds delay =
      to_nanoseconds(std::chrono::duration<double, std::nano>(full - full * options_.jitter * chance()));
  delay_ = std::min(to_nanoseconds(std::chrono::duration<double, std::nano>(full * options_.factor)),
                    options_.longest_delay);
  if (!options_.timeout.for_ever() && delay >= options_.timeout.nanoseconds() - elapsed) return std::nullopt;
  return delay;
}

// A number of [0, 1). (Steele, Lea and Flood: SplitMix64. A wait needs no better one, and this one is the same
// everywhere.)
double RetryState::chance() noexcept {
  random_ += 0x9e3779b97f4a7c15;
  std::uint64_t mixed = random_;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  mixed ^= mixed >> 31;
  return static_cast<double>(mixed >> 11) * 0x1.0p-53;
}

}  // namespace asyncio::inline ASYNCIO_ABI
