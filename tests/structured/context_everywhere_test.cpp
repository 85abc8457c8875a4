// SPDX-License-Identifier: MIT
// User code of every kind that a loop runs: each sees the values of the ContextVars that belong to it, and what it sets
// shows nowhere else.
#include "tests/structured/context_everywhere.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <coroutine>
#include <functional>
#include <stop_token>
#include <thread>

namespace {

// --- frames and results

Coro<> parameter_of_a_task(Log& log) { co_await create_task(set_and_take(Toucher(log))); }
Coro<> parameter_of_a_task_that_fails(Log& log) {
  const auto fails = []([[maybe_unused]] Toucher parameter) -> Coro<> {
    who.set("owner");
    throw std::runtime_error("oops");
    co_return;
  };
  EXPECT_FALSE(co_await as_result(create_task(fails(Toucher(log)))));
}
Coro<> local_of_a_task(Log& log) {
  co_await create_task([](Log& to) -> Coro<> {
    const Toucher local(to);
    who.set("owner");
    co_await sleep(0s);
  }(log));
}
Coro<> parameter_of_an_eager_task(Log& log) { co_await create_task(set_and_take(Toucher(log)), {.eager_start = true}); }
Coro<> callable_of_a_task(Log& log) {
  co_await create_task([toucher = Toucher(log)]() -> Coro<> {
    who.set("owner");
    toucher.touch();
    co_return;
  });
}
Coro<> task_that_is_cancelled_before_its_start(Log& log) {
  auto task = as_owner([&] { return create_task(take_and_wait(Toucher(log))); });
  task.cancel();
  EXPECT_FALSE(co_await as_result(task));
}
Coro<> task_that_is_cancelled_while_it_waits(Log& log) {
  auto task = as_owner([&] { return create_task(take_and_wait(Toucher(log))); });
  co_await settle();
  task.cancel();
  EXPECT_FALSE(co_await as_result(task));
}
Coro<> result_that_nobody_keeps(Log& log) {
  create_task(give(Toucher(log)));
  co_await settle();
}
Coro<> result_that_is_dropped_later(Log& log) {
  auto task = create_task(give(Toucher(log)));
  co_await settle();
  who.set("owner");
  task = {};
}
Coro<> error_that_nobody_keeps(Log& log) {
  get_running_loop().set_exception_handler([](auto&&...) {});
  const auto fails = [](std::shared_ptr<Toucher> error) -> Coro<> {
    who.set("owner");
    throw std::exchange(error, nullptr);
    co_return;
  };
  create_task(fails(std::make_shared<Toucher>(log)));
  co_await settle();
}
Coro<> coroutine_that_is_never_awaited(Log& log) {
  who.set("owner");
  take_and_wait(Toucher(log)).close();
  co_return;
}
Coro<> tasks_of_a_group(Log& log) {
  co_await with(TaskGroup(), [&](TaskGroup& group) -> Coro<> {
    group.create_task(set_and_take(Toucher(log)));
    as_owner([&] { group.create_task(take_and_wait(Toucher(log))); });
    co_await settle();
    group.cancel();
  });
}
Coro<> tasks_of_a_gather(Log& log) {
  who.set("owner");
  auto all = gather(set_and_take(Toucher(log)), set_and_take(Toucher(log)));
  co_await std::move(all);
}

// --- what is part of a step

struct Foreign {
  explicit Foreign(Log& to) : toucher(to) {}
  bool await_ready() const {
    toucher.touch();
    return false;
  }
  void await_suspend(std::coroutine_handle<> handle) const {
    toucher.touch();
    // The callback has its own context, which is not that of the task that goes on.
    get_running_loop().call_soon([handle] {
      who.set("callback");
      handle.resume();
    });
  }
  void await_resume() const { toucher.touch(); }
  Toucher toucher;
};
Coro<> foreign_awaiter(Log& log) {
  co_await create_task([](Log& to) -> Coro<> {
    who.set("owner");
    co_await Foreign(to);
  }(log));
}

AsyncGenerator<int> numbers(Log& log) {
  const Toucher local(log);
  for (int i = 0;; ++i) co_yield i;
}
Coro<> generator_that_another_task_drops(Log& log) {
  auto generator = std::make_unique<AsyncGenerator<int>>(numbers(log));
  co_await generator->next();
  co_await create_task([](auto dropped) -> Coro<> {
    who.set("owner");
    dropped.reset();
    co_return;
  }(std::move(generator)));
}
Coro<> generator_that_another_task_closes(Log& log) {
  auto generator = numbers(log);
  co_await generator.next();
  co_await create_task([](auto& closed) -> Coro<> {
    who.set("owner");
    co_await closed.aclose();
  }(generator));
}

struct Block {
  Log& log;
  Coro<> enter() {
    log.touch();
    co_return;
  }
  Coro<> exit(std::exception_ptr) {
    co_await sleep(0s);
    log.touch();
    who.set("set by exit");
  }
};
Coro<> block_with_an_exit_that_waits(Log& log) {
  who.set("owner");
  co_await with(Block{log}, [](Block&) -> Coro<> { co_return; });
  EXPECT_EQ(who.get(), "set by exit");
}
Coro<> exit_stack(Log& log) {
  co_await create_task([](Log& to) -> Coro<> {
    co_await with(ExitStack(), [&](ExitStack& stack) -> Coro<> {
      stack.callback(Callable(to));
      stack.push([callable = Callable(to)](const std::exception_ptr& error) {
        callable(error);
        return false;
      });
      who.set("owner");
      co_return;
    });
  }(log));
}

// --- callables

Coro<> call_soon(Log& log) {
  as_owner([&] { get_running_loop().call_soon(Callable(log)); });
  co_await settle();
}
Coro<> call_soon_that_is_cancelled(Log& log) {
  as_owner([&] { return get_running_loop().call_soon(Callable(log)); }).cancel();
  co_return;
}
Coro<> call_soon_that_throws(Log& log) {
  get_running_loop().set_exception_handler(Callable(log));
  as_owner([&] { get_running_loop().call_soon([] { throw std::runtime_error("oops"); }); });
  co_await settle();
  as_owner([&] { get_running_loop().set_exception_handler({}); });
}
Coro<> call_later(Log& log) {
  as_owner([&] { get_running_loop().call_later(1ms, Callable(log)); });
  co_await sleep(2ms);
}
Coro<> call_later_that_is_cancelled(Log& log) {
  as_owner([&] { return get_running_loop().call_later(1h, Callable(log)); }).cancel();
  co_return;
}
Coro<> call_from_a_thread(Log& log) {
  EventLoop& loop = get_running_loop();
  std::thread([&] { as_owner([&] { loop.call_soon_threadsafe(Callable(log)); }); }).join();
  co_await sleep(1ms);
}
Coro<> call_from_a_thread_that_is_cancelled(Log& log) {
  EventLoop& loop = get_running_loop();
  ThreadsafeHandle handle;
  std::thread([&] { handle = as_owner([&] { return loop.call_soon_threadsafe(Callable(log)); }); }).join();
  EXPECT_TRUE(handle.cancel());
  co_return;
}
Coro<> coroutine_from_a_thread(Log& log) {
  EventLoop& loop = get_running_loop();
  std::thread([&] {
    as_owner([&] {
      run_coroutine_threadsafe(loop, [toucher = Toucher(log)]() -> Coro<> {
        toucher.touch();
        co_return;
      });
    });
  }).join();
  co_await sleep(1ms);
}
Coro<> done_callback(Log& log) {
  Future<> future;
  as_owner([&] { future.add_done_callback(Callable(log)); });
  future.set_result();
  co_await settle();
}
Coro<> done_callback_of_a_task(Log& log) {
  auto task = create_task(sleep(0s));
  as_owner([&] { task.add_done_callback(Callable(log)); });
  co_await task;
  co_await settle();
}
Coro<> done_callback_that_is_removed(Log& log) {
  Future<> future;
  const auto token = as_owner([&] { return future.add_done_callback(Callable(log)); });
  EXPECT_TRUE(future.remove_done_callback(token));
  co_return;
}
Coro<> done_callback_of_a_future_that_is_dropped(Log& log) {
  as_owner([&] { Future<>().add_done_callback(Callable(log)); });
  co_return;
}
Coro<> reader_and_writer(Log& log) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  EventLoop& loop = get_running_loop();
  as_owner([&] {
    loop.add_writer(ends[1], [callable = Callable(log), &loop, fd = ends[1]] {
      callable();
      loop.remove_writer(fd);
    });
    loop.add_reader(ends[0], Callable(log));
  });
  co_await sleep(1ms);
  loop.remove_reader(ends[0]);  // has not been called
  ::close(ends[0]);
  ::close(ends[1]);
}
Coro<> signal_handler(Log& log) {
  EventLoop& loop = get_running_loop();
  as_owner([&] { loop.add_signal_handler(SIGUSR1, Callable(log)); });
  ::raise(SIGUSR1);
  co_await sleep(1ms);
  loop.remove_signal_handler(SIGUSR1);
}
Coro<> job_of_a_thread(Log& log) {
  as_owner([&] { return create_task(to_thread(Callable(log))); });
  for (int i = 0; i < 3; ++i) co_await to_thread([] { EXPECT_FALSE(left_behind.get()); });
}
Coro<> job_of_a_thread_that_is_cancelled(Log& log) {
  ThreadPoolExecutor one(1);
  Event begun;
  EventLoop& loop = get_running_loop();
  loop.set_default_executor(ThreadPoolExecutor(1));
  std::mutex busy;
  busy.lock();
  auto first = create_task(to_thread([&] { const std::lock_guard wait(busy); }));
  auto second = as_owner([&] { return create_task(to_thread(Callable(log))); });
  co_await settle();
  second.cancel();
  EXPECT_FALSE(co_await as_result(second));
  busy.unlock();
  co_await first;
  co_await to_thread([] { EXPECT_FALSE(left_behind.get()); });
}
Coro<> callback_of_a_thread_future(Log& log) {
  ThreadPoolExecutor pool(1);
  as_owner([&] { pool.submit([] {}).add_done_callback(Callable(log)); });
  pool.submit([] { EXPECT_FALSE(left_behind.get()); }).result();
  co_return;
}
Coro<> exception_handler_for_a_task(Log& log) {
  EventLoop& loop = get_running_loop();
  const auto fails = []() -> Coro<> {
    who.set("owner");
    throw std::runtime_error("oops");
    co_return;
  };
  loop.set_exception_handler(
      [callable = std::ref(log)](EventLoop&, const ExceptionContext&) { callable.get().touch(); });
  create_task(fails());
  co_await settle();
  loop.call_exception_handler({.message = "by hand", .task = as_owner([] { return create_task(sleep(1h)); })});
}
Coro<> task_factory(Log& log) {
  EventLoop& loop = get_running_loop();
  loop.set_task_factory([&log](EventLoop&, NewTask&) { log.touch(); });
  who.set("owner");
  create_task(sleep(0s));
  loop.set_task_factory({});
  co_await settle();
}

struct Stoppable {
  std::coroutine_handle<>& handle;
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> given) const { handle = given; }
  void await_resume() const {}
};
Coro<> wait_stoppable(Log& log, std::coroutine_handle<>& handle) {
  who.set("owner");
  co_await from_foreign(Stoppable{handle}, [callable = Callable(log)] {
    callable();
    return true;
  });
}
Coro<> on_cancel_of_a_cancel(Log& log) {
  std::coroutine_handle<> handle;
  auto task = create_task(wait_stoppable(log, handle));
  co_await settle();
  task.cancel();
  EXPECT_FALSE(co_await as_result(task));
}
Coro<> on_cancel_of_a_timeout(Log& log) {
  std::coroutine_handle<> handle;
  EXPECT_FALSE(co_await as_result(create_task(wait_for(wait_stoppable(log, handle), 1ms))));
}

// The call says when it has asked to be told of the stop.
Coro<> call_that_hears_of_its_stop(Log& log, Event& begun) {
  who.set("owner");
  EventLoop& loop = get_running_loop();
  co_await to_thread([&](std::stop_token stop) {
    const Toucher in_the_thread(log);
    std::atomic<bool> told = false;
    const std::stop_callback on_stop(stop, [&] {
      log.touch();
      told = true;
      told.notify_one();
    });
    loop.call_soon_threadsafe([&begun] { begun.set(); });
    told.wait(false);
  });
}
Coro<> callback_of_a_stop_token(Log& log) {
  Event begun;
  auto task = create_task(call_that_hears_of_its_stop(log, begun));
  co_await begun.wait();
  task.cancel();
  EXPECT_FALSE(co_await as_result(task));
}

// --- servers

Coro<> talk_to(std::uint16_t port) {
  Connection connection = co_await open_connection("127.0.0.1", port);
  connection.writer.write_eof();
  co_await connection.reader.read();
  connection.writer.close();
}
Coro<> handlers_of_a_server(Log& log) {
  who.set("owner");
  auto server = co_await start_server(
      [callable = Callable(log)](StreamReader reader, StreamWriter writer) -> Coro<> {
        callable();
        EXPECT_EQ(who.get(), "owner");
        who.set("handler");
        co_await reader.read();
        writer.close();
      },
      "127.0.0.1", 0);
  who.set("creator");
  const std::uint16_t port = server.port();
  co_await talk_to(port);
  co_await talk_to(port);
  server.close();
  co_await server.wait_closed();
  co_await settle();
}
Coro<> handlers_of_a_server_that_serves_later(Log& log) {
  who.set("owner");
  auto server = co_await start_server(
      [&log](StreamReader reader, StreamWriter writer) -> Coro<> {
        log.touch();
        co_await reader.read();
        writer.close();
      },
      "127.0.0.1", 0, {.start_serving = false});
  who.set("creator");
  const std::uint16_t port = server.port();
  auto serving = create_task(server.serve_forever());
  co_await settle();
  co_await talk_to(port);
  serving.cancel();
  EXPECT_FALSE(co_await as_result(serving));
}
Coro<> exception_handler_for_a_connection(Log& log) {
  EventLoop& loop = get_running_loop();
  loop.set_exception_handler([&log](EventLoop&, const ExceptionContext&) { log.touch(); });
  who.set("owner");
  auto server = co_await start_server(
      [](StreamReader, StreamWriter) -> Coro<> {
        throw std::runtime_error("oops");
        co_return;
      },
      "127.0.0.1", 0);
  who.set("creator");
  co_await talk_to(server.port());
  server.close();
  co_await server.wait_closed();
}

struct Place {
  const char* name;
  Coro<> (*act)(Log&);
  std::size_t touches;  // how often user code runs there
};
void PrintTo(const Place& place, std::ostream* out) { *out << place.name; }
#define PLACE(name, touches) \
  Place { #name, &name, touches }

const Place places[] = {
    PLACE(parameter_of_a_task, 1),
    PLACE(parameter_of_a_task_that_fails, 1),
    PLACE(local_of_a_task, 1),
    PLACE(parameter_of_an_eager_task, 1),
    PLACE(callable_of_a_task, 2),
    PLACE(task_that_is_cancelled_before_its_start, 1),
    PLACE(task_that_is_cancelled_while_it_waits, 1),
    PLACE(result_that_nobody_keeps, 1),
    PLACE(result_that_is_dropped_later, 1),
    PLACE(error_that_nobody_keeps, 1),
    PLACE(coroutine_that_is_never_awaited, 1),
    PLACE(tasks_of_a_group, 2),
    PLACE(tasks_of_a_gather, 2),
    PLACE(foreign_awaiter, 4),
    PLACE(generator_that_another_task_drops, 1),
    PLACE(generator_that_another_task_closes, 1),
    PLACE(block_with_an_exit_that_waits, 2),
    PLACE(exit_stack, 4),
    PLACE(call_soon, 2),
    PLACE(call_soon_that_is_cancelled, 1),
    PLACE(call_soon_that_throws, 2),
    PLACE(call_later, 2),
    PLACE(call_later_that_is_cancelled, 1),
    PLACE(call_from_a_thread, 2),
    PLACE(call_from_a_thread_that_is_cancelled, 1),
    PLACE(coroutine_from_a_thread, 2),
    PLACE(done_callback, 2),
    PLACE(done_callback_of_a_task, 2),
    PLACE(done_callback_that_is_removed, 1),
    PLACE(done_callback_of_a_future_that_is_dropped, 1),
    PLACE(reader_and_writer, 3),
    PLACE(signal_handler, 2),
    PLACE(job_of_a_thread, 2),
    PLACE(job_of_a_thread_that_is_cancelled, 1),
    PLACE(callback_of_a_thread_future, 2),
    PLACE(exception_handler_for_a_task, 2),
    PLACE(task_factory, 1),
    PLACE(on_cancel_of_a_cancel, 2),
    PLACE(on_cancel_of_a_timeout, 2),
    PLACE(callback_of_a_stop_token, 2),
    PLACE(handlers_of_a_server, 3),
    PLACE(handlers_of_a_server_that_serves_later, 1),
    PLACE(exception_handler_for_a_connection, 1),
};

// What a task sees that has nothing to do with it, before and after.
Coro<> bystander(std::string name, Event& go) {
  if (!name.empty()) who.set(name);
  co_await go.wait();
  EXPECT_EQ(who.get(), name.empty() ? "nobody" : name);
  EXPECT_FALSE(left_behind.get());
}

Coro<> visit(const Place& place, Log& log) {
  Event go;
  Event end;
  auto plain = create_task(bystander("", go));
  auto other = create_task(bystander("other", go));
  const auto act = [](const Place& at, Log& to, Event& leave) -> Coro<> {
    who.set("creator");
    co_await at.act(to);
    co_await leave.wait();
  };
  co_await settle();
  auto creator = create_task(act(place, log, end));
  for (int i = 0; i < 1000 && log.seen().size() < place.touches; ++i) co_await sleep(1ms);
  go.set();
  co_await plain;
  co_await other;
  EXPECT_TRUE(plain.AnyTask::state().plain()) << "a task without values had to pay for them";
  co_await create_task(bystander("", go));
  EXPECT_EQ(who.get(), "nobody");
  EXPECT_FALSE(left_behind.get());
  end.set();
  co_await creator;
}

class ContextEverywhere : public ::testing::TestWithParam<Place> {};

TEST_P(ContextEverywhere, user_code_sees_its_own_values_and_leaves_none_behind) {
  const Place& place = GetParam();
  Log log;
  run(visit(place, log));
  EXPECT_EQ(log.seen(), std::vector<std::string>(place.touches, "owner"));
  EXPECT_EQ(who.get(), "nobody");
  EXPECT_FALSE(left_behind.get());
}

INSTANTIATE_TEST_SUITE_P(Places, ContextEverywhere, ::testing::ValuesIn(places),
                         [](const auto& place) { return std::string(place.param.name); });

}  // namespace
