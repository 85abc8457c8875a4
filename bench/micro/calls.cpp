// SPDX-License-Identifier: MIT
#include "../measure.h"
#include "rows.h"

using asyncio::Coro;

[[gnu::noinline]] Coro<int> child(int i) { co_return i; }

Coro<> call() {
  constexpr int calls = 10'000'000;
  const measure::CpuTime time;
  std::uint64_t sum = 0;
  for (int i = 0; i < calls; ++i) {
    sum += static_cast<std::uint64_t>(co_await child(i));
  }
  measure::keep(sum);
  time.report("call", calls);
}

static Coro<int> fibonacci(int n) {
  if (n < 2) co_return n;
  co_return co_await fibonacci(n - 1) + co_await fibonacci(n - 2);
}

Coro<> fib() {
  constexpr int calls = 242'785;
  const measure::CpuTime time;
  const int result = co_await fibonacci(25);
  time.report("fib", calls);
  measure::require(result == 75'025);
}
