// SPDX-License-Identifier: MIT
#include "tests/allocation/scenarios.h"

#include <asyncio/asyncio.h>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <stdexcept>
#include <string>
#include <vector>

namespace allocation_test {

using namespace asyncio;
using namespace std::chrono_literals;

namespace {

Coro<int> leaf(int value) {
  co_await sleep(1ms * (value % 3));
  co_return value;
}
Coro<> for_ever() { co_await sleep(1h); }
Coro<> failing() {
  co_await sleep(1ms);
  throw std::runtime_error("a failure");
}
Coro<> let_run() {
  for (int i = 0; i < 3; ++i) co_await sleep(0s);
}

Coro<> tasks() {
  auto named = create_task(leaf(2), {.name = "a task with a name of more than sixteen characters"});
  auto plain = create_task(leaf(1));
  co_await plain;
  co_await named;
  auto eager = create_task(leaf(1), {.eager_start = true});
  co_await eager;
  create_task(leaf(1));
  all_tasks();
  auto waits = create_task(for_ever());
  auto joins = create_task([](Task<> other) -> Coro<> { co_await other; }, waits);
  co_await let_run();
  joins.cancel("a message of more than sixteen characters");
  try {
    co_await joins;
  } catch (const CancelledError&) {
  }
  if (!waits.cancelled() || joins.cancelling() != 1) throw std::logic_error("the cancel was not passed on");
}

Coro<> chain(int length) {
  if (length == 0) {
    co_await for_ever();
  } else {
    co_await create_task(chain(length - 1));
  }
}
Coro<> chains() {
  auto long_one = create_task(chain(50));
  co_await let_run();
  co_await sleep(1ms);
  long_one.cancel();
  try {
    co_await long_one;
  } catch (const CancelledError&) {
  }
  create_task(chain(50));  // is left to the end of run()
  co_await sleep(1ms);
}

Coro<> gathers() {
  co_await gather(leaf(1), leaf(2), leaf(3));
  std::vector<Coro<int>> many;
  for (int i = 0; i < 5; ++i) many.push_back(leaf(i));
  co_await gather(std::move(many));
  co_await gather(return_exceptions, leaf(1), failing());
  auto cancelled = create_task([]() -> Coro<> { co_await gather(for_ever(), for_ever()); });
  co_await let_run();
  cancelled.cancel("a message of more than sixteen characters");
  (void)co_await as_result(cancelled);
  bool failed = false;
  try {
    co_await gather(failing(), leaf(1));
  } catch (const std::runtime_error&) {
    failed = true;
  }
  if (failed) co_await sleep(5ms);
}

Coro<> time_limits() {
  try {
    co_await wait_for(for_ever(), 1ms);
  } catch (const TimeoutError&) {
  }
  try {
    co_await with(timeout(1ms), [](Timeout&) -> Coro<> { co_await gather(for_ever(), for_ever()); });
  } catch (const TimeoutError&) {
  }
  co_await with(move_on_after(1ms), [](CancelScope&) -> Coro<> { co_await for_ever(); });
  try {
    co_await with(fail_after(1ms), [](FailScope&) -> Coro<> { co_await for_ever(); });
  } catch (const TimeoutError&) {
  }
  auto outlives = create_task(leaf(1));
  co_await shield(outlives);
}

Coro<> groups() {
  co_await with(TaskGroup(), [](TaskGroup& group) -> Coro<> {
    group.create_task(leaf(1));
    group.create_task(leaf(2));
    co_await group.start([](Started<void>& started) -> Coro<> {
      started();
      co_await sleep(1ms);
    });
  });
  for (int round = 0; round < 2; ++round) {
    try {
      co_await with(TaskGroup(), [](TaskGroup& group) -> Coro<> {
        group.create_task(for_ever());
        group.create_task(failing());
        group.create_task(failing());
        co_await for_ever();
      });
    } catch (const ExceptionGroup& group) {
      if (std::string(group.what()).empty()) throw;
      group.split<std::runtime_error>();
      if (auto rest = group.handle<std::runtime_error>([](const std::runtime_error&) {})) throw *rest;
    }
  }
}

Coro<> races() {
  co_await race(leaf(1), for_ever());
  std::vector<Coro<int>> several;
  for (int i = 0; i < 3; ++i) several.push_back(leaf(i));
  co_await race(std::move(several));
  co_await first_success(failing(), leaf(2));
}

Coro<> waits() {
  std::vector<Task<int>> some;
  for (int i = 0; i < 4; ++i) some.push_back(create_task(leaf(i)));
  co_await wait(some, {.return_when = FIRST_COMPLETED});
  auto ends = as_completed(some);
  while (auto ended = co_await ends.next()) co_await *ended;
  auto late = as_completed(std::vector<Task<>>{create_task(for_ever())}, {.timeout = 1ms});
  try {
    co_await late.next();
  } catch (const TimeoutError&) {
  }
}

Coro<> produce(Queue<std::string>& queue) {
  struct Shutdown {
    Queue<std::string>& queue;
    ~Shutdown() { queue.shutdown(); }
  } shutdown{queue};
  for (int i = 0; i < 6; ++i) co_await queue.put("an item of more than sixteen characters");
}
Coro<> queues() {
  Queue<std::string> queue(2);
  auto producer = create_task(produce(queue));
  while (auto item = co_await queue.next()) queue.task_done();
  co_await producer;
  co_await queue.join();
  PriorityQueue<std::string> by_name(3);
  co_await with(TaskGroup(), [&by_name](TaskGroup& group) -> Coro<> {
    group.create_task([](PriorityQueue<std::string>& to) -> Coro<> {
      for (int i = 0; i < 5; ++i) co_await to.put(std::to_string(i));
    }(by_name));
    for (int i = 0; i < 5; ++i) co_await by_name.get();
  });
  LifoQueue<std::string> stack;
  stack.put_nowait("one");
  stack.emplace_nowait(30u, 'x');
  stack.get_nowait();
}

Coro<> read_all(Broadcast<std::string>::Subscription subscription) {
  while (auto item = co_await subscription.next()) {
  }
}
Coro<> broadcasts() {
  Broadcast<std::string> news(4);
  auto reader = create_task(read_all(news.subscribe()));
  co_await let_run();
  for (int i = 0; i < 6; ++i) {
    news.send("an item of more than sixteen characters");
    co_await let_run();
  }
  news.close();
  co_await reader;
}

Coro<> take_each(Lock& lock, Semaphore& slots, Event& opened, Barrier& barrier, CapacityLimiter& limiter) {
  auto permit = co_await slots.scoped();
  {
    auto held = co_await lock.scoped();
    co_await opened.wait();
  }
  co_await limiter.acquire();
  limiter.release();
  co_await barrier.wait();
}
Coro<> locks() {
  Lock lock;
  Semaphore slots(1);
  Event opened;
  Condition changed(lock);
  Barrier barrier(2);
  CapacityLimiter limiter(1);
  auto other = create_task(take_each(lock, slots, opened, barrier, limiter));
  co_await let_run();
  opened.set();
  {
    auto held = co_await lock.scoped();
    changed.notify_all();
  }
  try {
    co_await wait_for(barrier.wait(), 1s);
  } catch (const TimeoutError&) {  // the other one has failed
  }
  co_await other;
}

AsyncGenerator<int> numbers() {
  for (int i = 0; i < 3; ++i) {
    co_await sleep(1ms);
    co_yield i;
  }
}
Coro<> generators() {
  auto all = numbers();
  while (auto number = co_await all.next()) {
  }
  auto some = numbers();
  co_await some.next();
  co_await some.aclose();
}

Coro<> exit_stacks() {
  co_await with(ExitStack(), [](ExitStack& stack) -> Coro<> {
    co_await stack.enter(timeout(1h));
    co_await stack.enter(TaskGroup());
    stack.callback([] {});
    stack.push([](std::exception_ptr) { return false; });
    co_await sleep(1ms);
  });
}

Coro<> callbacks() {
  EventLoop& loop = get_running_loop();
  int called = 0;
  const std::array<char, 64> large{};
  loop.call_soon([&called, large] { called += 1 + large[0]; });
  loop.call_later(1ms, [&called] { ++called; });
  loop.call_later(1h, [&called] { ++called; }).cancel();
  Future<int> future;
  future.add_done_callback([&called](Future<int>) { ++called; });
  const auto token = future.add_done_callback([&called](Future<int>) { called += 100; });
  future.remove_done_callback(token);
  loop.call_later(1ms, [future] { future.set_result(1); });
  co_await future;
  Future<int> given_up;
  given_up.cancel("a message of more than sixteen characters");
  loop.call_soon([]() { throw std::runtime_error("in a callback"); });
  co_await let_run();
  if (called != 3) throw std::logic_error("callbacks");
}

ContextVar<std::string> user("user", "nobody");
Coro<> contexts() {
  user.set("somebody with a long name, of more than sixteen characters");
  auto child = create_task([]() -> Coro<std::string> {
    user.set("another");
    co_await sleep(1ms);
    co_return user.get();
  }());
  co_await child;
  Context copy = Context::current();
  copy.run([] { user.set("a third"); });
  if (user.get().size() < 20) throw std::logic_error("contexts");
}

Coro<> reports() {
  {
    auto never = leaf(1);
  }
  create_task(failing());
  Future<int> unseen;
  unseen.set_exception(std::runtime_error("not looked at"));
  co_await sleep(3ms);
  Task<> outer = create_task([]() -> Coro<> { co_await failing(); });
  (void)co_await as_result(outer);
  format_call_graph();
  create_task([]() -> Coro<> {
    try {
      co_await for_ever();
    } catch (const CancelledError&) {
    }
    throw std::runtime_error("while cleaning up");
  });
  co_await let_run();
}

Coro<> in_debug_mode() {
  get_running_loop().set_debug(true);
  co_await tasks();
  co_await groups();
}

Coro<> threads() {
  EventLoop& loop = get_running_loop();
  co_await to_thread([] { return 1; });
  Event called;
  loop.call_soon_threadsafe([&called] { called.set(); });
  co_await called.wait();
  co_await wrap_future(run_coroutine_threadsafe(loop, leaf(1)));
  (void)co_await as_result(to_thread([] { throw std::runtime_error("in a thread"); }));
  ThreadPoolExecutor pool(1, "worker", [] {});
  co_await loop.run_in_executor(pool, [] { return std::string("of more than sixteen characters"); });
  static ContextVar<std::string> name("name");
  name.set("a value of more than sixteen characters");
  co_await loop.run_in_executor(pool, [] { name.set("another one of more than sixteen characters"); });
  ThreadFuture<> done = pool.submit([] {});
  done.add_done_callback([] {});
  co_await wrap_future(std::move(done));
}

Coro<> memory_streams() {
  auto [left, right] = make_stream_pair(64);
  auto writer = create_task([](StreamWriter& out) -> Coro<> {
    for (int i = 0; i < 8; ++i) {
      out.write("a line of more than sixteen characters\n");
      co_await out.drain();
    }
    out.close();
  }(left.writer));
  while (auto line = co_await right.reader.next_line()) {
  }
  co_await writer;
  right.writer.close();
}

Coro<> echo(StreamReader reader, StreamWriter writer) {
  while (auto line = co_await reader.next_line()) {
    if (*line == "fail\n") throw std::runtime_error("in a handler");
    writer.write(*line);
    co_await writer.drain();
  }
  writer.close();
}
Coro<> servers() {
  auto server = co_await start_server(echo, "127.0.0.1", 0);
  {
    auto connection = co_await wait_for(open_connection("127.0.0.1", server.port()), 10s);
    connection.writer.write("a line of more than sixteen characters\n");
    co_await wait_for(connection.reader.readline(), 10s);
    connection.writer.close();
    co_await connection.writer.wait_closed();
    auto second = co_await wait_for(open_connection("127.0.0.1", server.port()), 10s);
    second.writer.write("fail\n");
    co_await wait_for(second.reader.read(), 10s);
    second.writer.close();
  }
  server.close();
  co_await server.wait_closed();
}

Coro<> descriptors() {
  struct Pipe {
    Pipe() {
      if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
    }
    ~Pipe() {
      ::close(ends[0]);
      ::close(ends[1]);
    }
    int ends[2];
  } pipe;
  EventLoop& loop = get_running_loop();
  struct Watching {
    EventLoop& loop;
    int fd;
    ~Watching() { loop.remove_reader(fd); }
  } watching{loop, pipe.ends[0]};
  Event readable;
  loop.add_reader(pipe.ends[0], [&] {
    char byte = 0;
    if (::read(pipe.ends[0], &byte, 1) == 1) readable.set();
  });
  if (::write(pipe.ends[1], "x", 1) != 1) throw std::runtime_error("write");
  co_await wait_for(readable.wait(), 10s);
}

Coro<> signals_come() {
  EventLoop& loop = get_running_loop();
  Event came;
  struct Handling {
    EventLoop& loop;
    ~Handling() { loop.remove_signal_handler(SIGUSR1); }
  } handling{loop};
  loop.add_signal_handler(SIGUSR1, [&came] { came.set(); });
  ::raise(SIGUSR1);
  co_await wait_for(came.wait(), 10s);
}

constexpr Scenario all[] = {
    {"tasks", &tasks},
    {"chains", &chains},
    {"gathers", &gathers},
    {"time_limits", &time_limits},
    {"groups", &groups},
    {"races", &races},
    {"waits", &waits},
    {"queues", &queues},
    {"broadcasts", &broadcasts},
    {"locks", &locks},
    {"generators", &generators},
    {"exit_stacks", &exit_stacks},
    {"callbacks", &callbacks},
    {"contexts", &contexts},
    {"reports", &reports},
    {"in_debug_mode", &in_debug_mode},
    {"threads", &threads, true},
    {"in_threads", &threads, true, true},
    {"memory_streams", &memory_streams},
    {"servers", &servers, true},
    {"descriptors", &descriptors, true},
    {"signals", &signals_come, true},
};

}  // namespace

std::span<const Scenario> scenarios() { return all; }

}  // namespace allocation_test
