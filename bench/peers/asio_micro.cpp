// SPDX-License-Identifier: MIT
#include "../measure.h"

#include <boost/asio.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <string>
#include <thread>

// Boost.Asio's coroutines. The executor's type is named everywhere: that is 20-40 % faster than any_io_executor.

namespace asio = boost::asio;
using boost::system::error_code;
using Executor = asio::io_context::executor_type;
using Token = asio::use_awaitable_t<Executor>;
template <class T>
using Awaitable = asio::awaitable<T, Executor>;
using Clock = std::chrono::steady_clock;
using Timer = asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor>;
using Channel =
    asio::experimental::basic_channel<Executor, asio::experimental::channel_traits<>, void(error_code, std::uint64_t)>;
constexpr Token token{};

[[gnu::noinline]] static Awaitable<int> child(int i) { co_return i; }

static Awaitable<int> fibonacci(int n) {
  if (n < 2) co_return n;
  co_return co_await fibonacci(n - 1) + co_await fibonacci(n - 2);
}

// Asio has nothing to wait for a number of tasks: a counter, and a timer that is cancelled at its end.
class Latch {
 public:
  Latch(Executor executor, std::size_t count) : timer_(executor), count_(count) {
    timer_.expires_at(Clock::time_point::max());
  }
  void count_down() {
    if (--count_ == 0) timer_.cancel();
  }
  auto counter() {
    return [this](std::exception_ptr) { count_down(); };
  }
  auto adder(std::uint64_t& sum) {
    return [this, &sum](std::exception_ptr, int value) {
      sum += static_cast<std::uint64_t>(value);
      count_down();
    };
  }
  Awaitable<void> wait() {
    error_code error;
    if (count_ != 0) co_await timer_.async_wait(asio::redirect_error(token, error));
  }

 private:
  Timer timer_;
  std::size_t count_;
};

static Awaitable<void> yield_repeatedly(Executor executor, int times) {
  for (int i = 0; i < times; ++i) co_await asio::post(executor, token);
}
static Awaitable<void> sleep_for(Executor executor, std::chrono::milliseconds duration) {
  Timer timer(executor);
  timer.expires_after(duration);
  co_await timer.async_wait(token);
}
static Awaitable<void> produce(Channel& channel, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) co_await channel.async_send({}, i, token);
}
static Awaitable<void> consume(Channel& channel, std::uint64_t count, std::uint64_t& sum) {
  for (std::uint64_t i = 0; i < count; ++i) sum += co_await channel.async_receive(token);
}
// Asio has no mutex for coroutines: the usual stand-in is a channel of one.
static Awaitable<void> lock_repeatedly(Executor executor, Channel& mutex, int times) {
  for (int i = 0; i < times; ++i) {
    co_await mutex.async_send({}, 0, token);
    co_await asio::post(executor, token);
    mutex.try_receive([](auto...) {});
  }
}

static Awaitable<void> run_row(std::string row, asio::io_context& context) {
  const Executor executor = context.get_executor();
  std::uint64_t sum = 0;
  if (row == "call") {
    constexpr int calls = 10'000'000;
    const measure::CpuTime time;
    for (int i = 0; i < calls; ++i) sum += static_cast<std::uint64_t>(co_await child(i));
    time.report("call", calls);
  } else if (row == "fib") {
    const measure::CpuTime time;
    const int result = co_await fibonacci(25);
    time.report("fib", 242'785);
    measure::require(result == 75'025);
  } else if (row == "spawn_await") {
    constexpr int tasks = 1'000'000;
    const measure::CpuTime time;
    for (int i = 0; i < tasks; ++i) {
      sum += static_cast<std::uint64_t>(co_await asio::co_spawn(executor, child(i), token));
    }
    time.report("spawn_await", tasks);
  } else if (row == "spawn_join") {
    constexpr int count = 1'000'000;
    const measure::PeakMemory memory;
    const measure::CpuTime time;
    Latch latch(executor, count);
    for (int i = 0; i < count; ++i) asio::co_spawn(executor, child(i), latch.adder(sum));
    co_await latch.wait();
    time.report("spawn_join", count);
    memory.report("spawn_join_rss", count);
  } else if (row == "gather") {
    constexpr int count = 10'000;
    constexpr int rounds = 50;
    const measure::CpuTime time;
    for (int round = 0; round < rounds; ++round) {
      Latch latch(executor, count);
      for (int i = 0; i < count; ++i) asio::co_spawn(executor, child(i), latch.adder(sum));
      co_await latch.wait();
    }
    time.report("gather", count * rounds);
    const auto operation = [&](int i) { return asio::co_spawn(executor, child(i), asio::deferred); };
    const measure::CpuTime group_time;
    for (int round = 0; round < rounds; ++round) {
      std::vector<decltype(operation(0))> operations;
      operations.reserve(count);
      for (int i = 0; i < count; ++i) operations.push_back(operation(i));
      auto [order, errors, values] = co_await asio::experimental::make_parallel_group(std::move(operations))
                                         .async_wait(asio::experimental::wait_for_all(), token);
      for (const int value : values) sum += static_cast<std::uint64_t>(value);
    }
    group_time.report("gather_parallel_group", count * rounds);
  } else if (row == "yield2" || row == "yield1000") {
    const int count = row == "yield2" ? 2 : 1000;
    const measure::CpuTime time;
    Latch latch(executor, static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
      asio::co_spawn(executor, yield_repeatedly(executor, 5'000'000 / count), latch.counter());
    }
    co_await latch.wait();
    time.report(row.c_str(), 5e6);
  } else if (row == "chan") {
    constexpr std::uint64_t items = 2'000'000;
    Channel channel(executor, 64);
    Latch latch(executor, 2);
    const measure::CpuTime time;
    asio::co_spawn(executor, produce(channel, items), latch.counter());
    asio::co_spawn(executor, consume(channel, items, sum), latch.counter());
    co_await latch.wait();
    time.report("chan", items);
  } else if (row == "mutex") {
    constexpr int times = 2'000'000;
    Channel mutex(executor, 1);
    const measure::CpuTime time;
    for (int i = 0; i < times; ++i) {
      co_await mutex.async_send({}, 0, token);
      mutex.try_receive([](auto...) {});
    }
    time.report("mutex_unc", times);
    Latch latch(executor, 100);
    const measure::CpuTime contended;
    for (int i = 0; i < 100; ++i) {
      asio::co_spawn(executor, lock_repeatedly(executor, mutex, 10'000), latch.counter());
    }
    co_await latch.wait();
    contended.report("mutex_cont", 1e6);
  } else if (row == "timers") {
    constexpr int count = 1'000'000;
    measure::Random random;
    const measure::PeakMemory memory;
    const measure::CpuTime time;
    Latch latch(executor, count);
    for (int i = 0; i < count; ++i) {
      asio::co_spawn(executor, sleep_for(executor, std::chrono::milliseconds(random() % 1000)), latch.counter());
    }
    co_await latch.wait();
    time.report("timers_cpu", count);
    memory.report("timers_rss", count);
  } else if (row == "future") {
    constexpr int count = 1'000'000;
    const measure::CpuTime time;
    for (int i = 0; i < count; ++i) {
      Channel future(executor, 1);
      asio::post(executor, [&future, i] { future.try_send(error_code(), static_cast<std::uint64_t>(i)); });
      sum += co_await future.async_receive(token);
    }
    time.report("future_set", count);
  } else if (row == "xthread") {
    measure::pin_to_cpu(0);
    Latch latch(executor, 1);
    std::thread poster([&] {
      measure::post_from_another_cpu([&](auto callable) { asio::post(context, callable); });
      asio::post(context, [&] { latch.count_down(); });
    });
    co_await latch.wait();
    poster.join();
  }
  measure::keep(sum);
}

int main(int, char** arguments) {
  const std::string row = arguments[1];
  asio::io_context context(row == "xthread" ? 2 : 1);  // 1: no locks
  asio::co_spawn(context.get_executor(), run_row(row, context), [](std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
  });
  context.run();
}
