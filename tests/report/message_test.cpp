// SPDX-License-Identifier: MIT
// What an error says: which call it was, with which value, of whom; and what to do, where that is not plain.
#include <asyncio/asyncio.h>
#include <asyncio/testing.h>

#include "tests/ending.h"

#include <csignal>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

// A program that fails, and what the error must tell of it.
struct Failure {
  const char* name;
  Coro<> (*run)();
  std::vector<std::string> told;
};

Coro<> run_for_a_second() { co_await sleep(1s); }

template <class F>
std::string what_of_call(F call) {
  try {
    call();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

void expect_told(const char* name, const std::string& what, const std::vector<std::string>& told) {
  for (const std::string& part : told) EXPECT_NE(what.find(part), std::string::npos) << name << ": " << what;
}

const Failure limits[] = {
    {"a semaphore of -3 permits", []() -> Coro<> { co_return (void) Semaphore(-3); }, {"Semaphore", "-3"}},
    {"a bounded semaphore of -3 permits", []() -> Coro<> { co_return (void) BoundedSemaphore(-3); }, {"-3"}},
    {"a surplus release",
     []() -> Coro<> {
       BoundedSemaphore semaphore(7);
       co_return semaphore.release();
     },
     {"Semaphore.release", "7"}},
    {"a barrier for nobody", []() -> Coro<> { co_return (void) Barrier(-2); }, {"Barrier", "-2"}},
    {"a full queue",
     []() -> Coro<> {
       Queue<int> queue(2);
       for (int i = 0; i < 3; ++i) queue.put_nowait(i);
       co_return;
     },
     {"queue is full", "maxsize is 2"}},
    {"a broadcast of nothing", []() -> Coro<> { co_return (void) Broadcast<int>(-4); }, {"Broadcast", "-4"}},
    {"a limiter of -5 tokens", []() -> Coro<> { co_return (void) CapacityLimiter(-5); }, {"CapacityLimiter", "-5"}},
    {"a second token",
     []() -> Coro<> {
       CapacityLimiter limiter(2);
       current_task().set_name("greedy");
       for (int i = 0; i < 2; ++i) co_await limiter.acquire();
     },
     {"CapacityLimiter.acquire", "'greedy'"}},
    {"a token that was not borrowed",
     []() -> Coro<> {
       CapacityLimiter limiter(2);
       current_task().set_name("generous");
       co_return limiter.release();
     },
     {"CapacityLimiter.release", "'generous'"}},
    {"a burst of nothing",
     []() -> Coro<> { co_return (void) RateLimiter(1, 1s, RateLimiterOptions{.burst = -2.5}); },
     {"RateLimiter", "-2.5"}},
    {"a negative amount",
     []() -> Coro<> { co_return (void) RateLimiter(1, 1s).try_acquire(-1.5); },
     {"RateLimiter.acquire", "-1.5"}},
    {"more than there ever is",
     []() -> Coro<> { co_return (void) RateLimiter(1, 1s, RateLimiterOptions{.burst = 2.5}).try_acquire(4.5); },
     {"RateLimiter.acquire", "4.5", "2.5"}},
    {"no attempt",
     []() -> Coro<> { co_await retry([]() -> Coro<> { co_return; }, RetryOptions{.attempts = -6}); },
     {"retry", "-6"}},
    {"a negative delay",
     []() -> Coro<> { co_await retry([]() -> Coro<> { co_return; }, RetryOptions{.delay = -7ns}); },
     {"retry", "-7 ns"}},
    {"a factor that shrinks",
     []() -> Coro<> { co_await retry([]() -> Coro<> { co_return; }, RetryOptions{.factor = 0.5}); },
     {"retry", "0.5"}},
    {"too much jitter",
     []() -> Coro<> { co_await retry([]() -> Coro<> { co_return; }, RetryOptions{.jitter = 1.5}); },
     {"retry", "1.5"}},
    {"a period of less than nothing",
     []() -> Coro<> { co_await every(-8ns, []() -> Coro<> { co_return; }); },
     {"every", "-8 ns"}},
    {"a pool without threads",
     []() -> Coro<> { co_return (void) ThreadPoolExecutor(0); },
     {"ThreadPoolExecutor", "max_workers", "0"}},
    {"a token of another variable",
     []() -> Coro<> {
       ContextVar<int> one("one");
       ContextVar<int> other("other");
       co_return other.reset(one.set(1));
     },
     {"other"}},
};

const Failure tasks[] = {
    {"the result of a task that runs",
     []() -> Coro<> {
       const Task<> task = create_task(sleep(1s), {.name = "sleeper"});
       const std::string what = what_of_call([&] { task.result(); });
       task.cancel();
       co_await task.ended();
       throw RuntimeError(what);
     },
     {"'sleeper'", "not ready yet", "await"}},
    {"the exception of a future that is pending",
     []() -> Coro<> { co_return (void) Future<int>().exception(); },
     {"the future", "not ready yet"}},
    {"a second result",
     []() -> Coro<> {
       Future<int> future;
       future.set_result(1);
       future.set_result(2);
       co_return;
     },
     {"Future.set_result", "has a result already"}},
    {"a task that awaits itself",
     []() -> Coro<> {
       Task<> task;
       task = create_task(TaskOptions{.name = "narcissus"}, [&]() -> Coro<> { co_await task; });
       co_await task;
     },
     {"'narcissus'", "itself"}},
    {"a result for two that cannot be copied",
     []() -> Coro<> {
       Task<std::unique_ptr<int>> task =
           create_task([]() -> Coro<std::unique_ptr<int>> { co_return nullptr; }(), {.name = "maker"});
       const Task<std::unique_ptr<int>> other = task;
       co_await std::move(task);
     },
     {"'maker'", "cannot be copied", "lvalue"}},
    {"a scope that another task leaves",
     []() -> Coro<> {
       CancelScope scope;
       current_task().set_name("owner");
       std::string what;
       co_await with(scope, [&]() -> Coro<> {
         what = co_await what_of(create_task([&]() -> Coro<> { co_return (void) scope.exit_now(nullptr); }));
       });
       throw RuntimeError(what);
     },
     {"CancelScope", "'owner'"}},
};

const Failure streams[] = {
    {"a line that is too long",
     []() -> Coro<> {
       StreamPair pair = make_stream_pair(1000, {.limit = 10});
       pair.second.writer.write(std::string(24, 'x') + '\n');
       (void)co_await pair.first.reader.readline();
     },
     {"readline()", "25 bytes", "limit of 10"}},
    {"a line that does not end",
     []() -> Coro<> {
       StreamPair pair = make_stream_pair(1000, {.limit = 10});
       pair.second.writer.write(std::string(30, 'x'));
       (void)co_await pair.first.reader.readline();
     },
     {"readline()", "30 bytes", "limit of 10"}},
    {"a separator that is too far",
     []() -> Coro<> {
       StreamPair pair = make_stream_pair(1000, {.limit = 10});
       pair.second.writer.write(std::string(25, 'x') + ';');
       (void)co_await pair.first.reader.readuntil(";");
     },
     {"readuntil()", "25 bytes", "limit of 10"}},
    {"a separator that does not come",
     []() -> Coro<> {
       StreamPair pair = make_stream_pair(1000, {.limit = 10});
       pair.second.writer.write(std::string(30, 'x'));
       (void)co_await pair.first.reader.readuntil(";");
     },
     {"readuntil()", "30 bytes", "limit of 10"}},
    {"a negative count",
     []() -> Coro<> {
       StreamPair pair = make_stream_pair();
       (void)co_await pair.first.reader.readexactly(static_cast<std::size_t>(-9));
     },
     {"readexactly()", "-9"}},
    {"marks the wrong way round",
     []() -> Coro<> {
       StreamPair pair = make_stream_pair();
       co_return pair.first.writer.set_write_buffer_limits(11, 12);
     },
     {"set_write_buffer_limits", "11", "12"}},
    {"a close that takes too long",
     []() -> Coro<> {
       StreamPair pair = make_stream_pair(10, {.close_timeout = 1500ms});
       pair.first.writer.write(std::string(10 + 123, 'x'));
       pair.first.writer.close();
       co_await pair.first.writer.wait_closed();
     },
     {"close", "1.5 s", "123 bytes"}},
};

template <std::size_t count>
Coro<> expect_all(const Failure (&failures)[count]) {
  for (const Failure& failure : failures) expect_told(failure.name, co_await what_of(failure.run()), failure.told);
}

ASYNC_TEST(Message, names_the_value_that_is_refused) { co_await expect_all(limits); }
ASYNC_TEST(Message, names_the_task_that_it_is_about) { co_await expect_all(tasks); }
ASYNC_TEST(Message, names_the_limit_of_a_stream_and_what_came) { co_await expect_all(streams); }

// Calls that need a loop, where there is none.
TEST(Message, names_the_call_that_needs_a_loop_and_where_to_make_it) {
  const struct {
    const char* name;
    void (*call)();
  } calls[] = {
      {"get_running_loop", [] { get_running_loop(); }},
      {"create_task", [] { create_task(sleep(1s)); }},
      {"Future", [] { (void)Future<int>(); }},
      {"gather", [] { (void)gather(sleep(1s)); }},
      {"as_completed", [] { (void)as_completed(std::vector<Task<>>()); }},
      {"all_tasks", [] { (void)all_tasks(); }},
      {"timeout", [] { (void)timeout(1s); }},
      {"move_on_after", [] { (void)move_on_after(1s); }},
      {"fail_after", [] { (void)fail_after(1s); }},
      {"make_stream_pair", [] { (void)make_stream_pair(); }},
      {"signals", [] { (void)signals(SIGUSR1); }},
      {"RateLimiter.acquire", [] { (void)RateLimiter(1, 1s).try_acquire(); }},
      {"RateLimiter.available", [] { (void)RateLimiter(1, 1s).available(); }},
      {"describe_handles", [] { (void)describe_handles(); }},
  };
  for (const auto& [name, call] : calls) {
    const std::string what = what_of_call(call);
    EXPECT_EQ(what.find(name), 0u) << name << ": " << what;
    expect_told(name, what, {"no running event loop", "coroutine", "run()"});
  }
}

TEST(Message, names_the_task_that_waits_and_the_place_of_one_of_another_loop) {
  EventLoop loop;
  const Task<> stranger = loop.create_task(run_for_a_second());
  Future<int> future = loop.create_future<int>();
  const auto await_it = [&](const auto& foreign) -> Coro<std::string> {
    current_task().set_name("host");
    co_return co_await what_of([](const auto& awaited) -> Coro<> { co_await awaited; }(foreign));
  };
  expect_told("task", run(await_it(stranger)),
              {"created in", "message_test.cpp", "'host'", "another event loop", "run_coroutine_threadsafe"});
  expect_told("future", run(await_it(future)), {"the future", "'host'", "another event loop"});
  expect_told("gather", run([&]() -> Coro<std::string> { co_return what_of_call([&] { (void)gather(stranger); }); }),
              {"gather", "created in", "message_test.cpp", "another event loop"});
  EventLoop other;
  expect_told("run_until_complete", what_of_call([&] { other.run_until_complete(stranger); }),
              {"run_until_complete", "created in", "message_test.cpp", "another event loop"});
  stranger.cancel();
  loop.run_until_complete(sleep(0s));
}

// A client that goes with data unread, which resets the connection; and one that never reads.
ASYNC_IO_TEST(Message, names_the_peer_of_a_connection_that_fails) {
  Event written;
  Queue<std::string> told;
  const auto talk = [&](StreamReader reader, StreamWriter writer) -> Coro<> {
    writer.write("unread");
    written.set();
    told.put_nowait(co_await what_of(reader.read()));
  };
  const auto flood = [&](StreamReader, StreamWriter writer) -> Coro<> {
    writer.write(std::string(64 << 20, 'x'));
    writer.close();
    told.put_nowait(co_await what_of(writer.wait_closed()));
  };
  Server talking = co_await start_server(talk, "127.0.0.1", 0);
  Connection leaving = co_await open_connection("127.0.0.1", talking.port());
  const std::string who = to_string(leaving.writer.sockname());
  co_await written.wait();
  leaving.writer.abort();
  const std::string reset = co_await told.get();
  expect_told("reset", reset, {"read from " + who});

  Server flooding = co_await start_server(flood, "127.0.0.1", 0, {.close_timeout = 1ms});
  Connection silent = co_await open_connection("127.0.0.1", flooding.port());
  const std::string late = co_await told.get();
  expect_told("close", late, {"close", to_string(silent.writer.sockname()), "1 ms", "bytes"});
}

TEST(Message, of_a_full_queue_is_copied_with_the_error) {
  const QueueFull full(3);
  const QueueFull copy = full;  // NOLINT(performance-unnecessary-copy-initialization): that is what is tested
  EXPECT_STREQ(copy.what(), "queue is full: its maxsize is 3");
  EXPECT_STREQ(QueueFull().what(), "queue is full");
  static_assert(std::is_nothrow_copy_constructible_v<QueueFull> && std::is_nothrow_copy_assignable_v<QueueFull>);
}

}  // namespace
