// SPDX-License-Identifier: MIT
// A user's program, which takes every warning for an error. It uses every template of the library, with values that
// must be moved, values that are nothing, references and numbers.
#include <asyncio/asyncio.h>
#include <asyncio/testing.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace asyncio;
using namespace std::chrono_literals;

namespace {

using Owner = std::unique_ptr<int>;

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

Coro<> nothing() { co_await sleep(1ms); }
Coro<int> number(int value) {
  co_await sleep(0s);
  co_return value;
}
// Converted to the type of the result, without a loss that the compiler could see here.
Coro<std::size_t> size() { co_return 1; }
Coro<double> ratio() { co_return 1; }
Coro<> conversions() {
  Future<std::size_t> future;
  future.set_result(1);
  co_await gather(size(), ratio(), future);
}
Coro<Owner> owner() { co_return std::make_unique<int>(1); }
Coro<int&> reference(int& value) { co_return value; }
Coro<std::string> fails() {
  co_await nothing();
  throw Failure("on purpose");
}

AsyncGenerator<Owner> owners(int count) {
  for (int i = 0; i < count; ++i) {
    co_await sleep(1ms);
    co_yield std::make_unique<int>(i);
  }
}

ContextVar<std::string> user("user", "nobody");

Coro<> tasks() {
  Task<Owner> task = create_task(owner(), {.name = "owner"});
  Task<> plain = create_task([](std::string) -> Coro<> { co_await nothing(); }, std::string("text"));
  task.add_done_callback([](Task<Owner> ended) { (void)ended.done(); });
  Owner taken = co_await std::move(task);
  co_await plain;
  int value = *taken;
  co_await reference(value);
  Future<Owner> future;
  get_running_loop().call_soon([future]() mutable { future.set_result(std::make_unique<int>(2)); });
  taken = co_await std::move(future);
  auto token = user.set("somebody");
  user.reset(token);
  auto generator = owners(3);
  while (auto item = co_await generator.next()) value += **item;
}

Coro<> several() {
  auto [first, second] = co_await gather(number(1), owner());
  std::vector<Coro<int>> coros;
  coros.push_back(number(first));
  auto all = co_await gather(std::move(coros));
  auto outcome = co_await as_result(fails());
  auto won = co_await race(number(1), fails());
  auto ended = co_await as_result(wait_for(nothing(), 1s));
  co_await shield(nothing());
  std::vector<Task<int>> tasks{create_task(number(3)), create_task(number(4))};
  auto state = co_await wait(tasks);
  for (auto& task : tasks) (void)task.result();
  (void)outcome, (void)won, (void)ended, (void)state, (void)second, (void)all;
}

Coro<> blocks() {
  co_await with(TaskGroup(), [](TaskGroup& group) -> Coro<> {
    auto task = group.create_task(owner());
    group.create_task([](int value) -> Coro<> { co_await number(value); }, 1);
    co_await nothing();
  });
  co_await with(timeout(1s), []() -> Coro<> { co_await nothing(); });
  co_await with(move_on_after(1s), [](CancelScope&) -> Coro<> { co_await nothing(); });
  co_await with(ExitStack(), [](ExitStack& stack) -> Coro<> {
    stack.callback([]() -> Coro<> { co_await nothing(); });
    co_await nothing();
  });
  try {
    co_await with(TaskGroup(), [](TaskGroup& group) -> Coro<> {
      group.create_task(fails());
      co_await nothing();
    });
  } catch (const ExceptionGroup& group) {
    (void)group.handle<Failure>([](const Failure&) {});
  }
  co_await retry([] { return number(1); }, {.attempts = 2});
}

Coro<> synchronisation() {
  Lock lock;
  auto held = co_await lock.scoped();
  Event event;
  event.set();
  co_await event.wait();
  Semaphore semaphore(2);
  auto permit = co_await semaphore.scoped();
  Barrier barrier(1);
  co_await barrier.wait();
  Condition condition;
  {
    auto entered = co_await condition.scoped();
    co_await condition.wait_for([] { return true; });
  }
  CapacityLimiter limiter(3);
  auto borrowed = co_await limiter.scoped();
  RateLimiter rate(10, 1s);
  co_await rate.acquire();
  Queue<Owner> queue(4);
  co_await queue.put(std::make_unique<int>(1));
  Owner item = co_await queue.get();
  queue.task_done();
  PriorityQueue<int> ordered;
  LifoQueue<std::string> stack;
  co_await ordered.put(1);
  co_await stack.put("text");
  Broadcast<std::string> broadcast(4);
  auto subscription = broadcast.subscribe();
  broadcast.send("text");
  auto heard = co_await subscription.next();
}

Coro<> threads() {
  int sum = co_await to_thread([](int a, int b) { return a + b; }, 1, 2);
  Owner made = co_await to_thread([] { return std::make_unique<int>(1); });
  co_await to_thread([] {});
  EventLoop& loop = get_running_loop();
  co_await to_thread([&loop] { return run_coroutine_threadsafe(loop, number(1)).result(); });
  loop.call_soon_threadsafe([sum] { (void)sum; });
}

Coro<> serve(StreamReader reader, StreamWriter writer) {
  while (auto line = co_await reader.next_line()) {
    writer.write(*line);
    co_await writer.drain();
  }
  std::array<std::byte, 16> bytes{};
  writer.write(bytes);
}

Coro<> network() {
  auto server = co_await start_server(serve, "127.0.0.1", 0);
  co_await with(server, [](Server& running) -> Coro<> {
    auto connection = co_await open_connection("127.0.0.1", running.port());
    connection.writer.write("text\n");
    std::string line = co_await connection.reader.readline();
    connection.writer.close();
    co_await connection.writer.wait_closed();
  });
}

}  // namespace

ASYNC_TEST(Warnings, of_a_test) {
  co_await tasks();
  asyncio::testing::require_eq(co_await number(1), 1);
  co_await asyncio::testing::require_throws<Failure>(fails());
}

int main() {
  return run([]() -> Coro<int> {
    co_await gather(tasks(), several(), conversions(), blocks(), synchronisation(), threads(), network());
    co_return 0;
  });
}
