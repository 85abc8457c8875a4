// SPDX-License-Identifier: MIT
#include <asyncio/foreign.h>

#include <asyncio/testing.h>

#include "loop/loop_state.h"

#include <atomic>
#include <coroutine>
#include <stdexcept>
#include <thread>

// Awaiters as other libraries write them.

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

// An operation that is completed by hand.
struct Operation {
  std::coroutine_handle<> handle;
  int result = 0;
  bool failed = false;

  void complete(int value) {
    result = value;
    std::exchange(handle, nullptr).resume();
  }
  void fail() {
    failed = true;
    std::exchange(handle, nullptr).resume();
  }
};

// Its awaiter: can neither be copied nor moved.
class Awaiter {
 public:
  explicit Awaiter(Operation& operation) : operation_(operation) {}
  Awaiter(const Awaiter&) = delete;
  Awaiter& operator=(const Awaiter&) = delete;

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> handle) { operation_.handle = handle; }
  int await_resume() {
    if (operation_.failed) throw std::runtime_error("the operation failed");
    return operation_.result;
  }

 private:
  Operation& operation_;
};

Coro<int> wait_for(Operation& operation) { co_return co_await Awaiter(operation); }

ASYNC_TEST(Foreign, an_awaiter_is_resumed_in_the_turn_of_the_loop) {
  Operation operation;
  auto task = create_task(wait_for(operation));
  co_await settle();
  EXPECT_TRUE(operation.handle);
  operation.complete(42);
  EXPECT_FALSE(task.done());
  EXPECT_EQ(co_await task, 42);
}

ASYNC_TEST(Foreign, its_exception_comes_out_of_the_await) {
  Operation operation;
  auto task = create_task(wait_for(operation));
  co_await settle();
  operation.fail();
  co_await settle();
  EXPECT_THROW(task.result(), std::runtime_error);
}

ASYNC_TEST(Foreign, an_lvalue_is_awaited_where_it_is) {
  Operation operation;
  Awaiter awaiter(operation);
  get_running_loop().call_soon([&] { operation.complete(7); });
  EXPECT_EQ(co_await awaiter, 7);
  get_running_loop().call_soon([&] { operation.complete(8); });
  EXPECT_EQ(co_await awaiter, 8);
}

// Resumes in a thread of its own.
struct InThread {
  std::thread* thread;
  std::thread::id* resumed_in;

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> handle) const {
    *thread = std::thread([handle] { handle.resume(); });
  }
  std::thread::id await_resume() const { return *resumed_in = std::this_thread::get_id(); }
};

ASYNC_TEST(Foreign, a_resumption_in_another_thread_comes_home) {
  std::thread thread;
  std::thread::id id;
  InThread awaiter{&thread, &id};
  const AnyTask self = current_task();
  co_await awaiter;
  EXPECT_EQ(id, std::this_thread::get_id());
  EXPECT_EQ(current_task(), self);
  thread.join();
}

ASYNC_TEST(Foreign, many_that_are_resumed_in_other_threads_all_come_home) {
  const auto body = []() -> Coro<int> {
    int home = 0;
    const auto here = std::this_thread::get_id();
    for (int i = 0; i < 20; ++i) {
      std::thread thread;
      std::thread::id id;
      InThread awaiter{&thread, &id};
      co_await awaiter;
      if (id == here) ++home;
      thread.join();
    }
    co_return home;
  };
  std::vector<Task<int>> tasks;
  for (int i = 0; i < 5; ++i) tasks.push_back(create_task(body()));
  for (auto& task : tasks) EXPECT_EQ(co_await task, 20);
}

// Resumes before its await_suspend returns.
struct Inline {
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> handle) const { handle.resume(); }
  int await_resume() const { return 3; }
};

ASYNC_TEST(Foreign, a_resumption_inside_of_await_suspend_waits_for_the_turn) {
  std::string log;
  get_running_loop().call_soon([&] { log += 'a'; });
  EXPECT_EQ(co_await Inline(), 3);
  EXPECT_EQ(log, "a");
}

ASYNC_TEST(Foreign, a_hundred_thousand_of_those_need_no_stack) {
  int sum = 0;
  for (int i = 0; i < 100'000; ++i) sum += co_await Inline();
  EXPECT_EQ(sum, 300'000);
}

struct Ready {
  int* suspended;
  bool await_ready() const { return true; }
  void await_suspend(std::coroutine_handle<>) const { ++*suspended; }
  int await_resume() const { return 5; }
};

ASYNC_TEST(Foreign, one_that_is_ready_costs_no_turn) {
  int suspended = 0;
  bool other_ran = false;
  get_running_loop().call_soon([&] { other_ran = true; });
  Ready ready{&suspended};
  EXPECT_EQ(co_await ready, 5);
  EXPECT_EQ(suspended, 0);
  EXPECT_FALSE(other_ran);
  co_await settle();
}

// Decides in await_suspend whether to suspend.
struct Perhaps {
  Operation& operation;
  bool suspends;
  explicit Perhaps(Operation& of, bool answer) : operation(of), suspends(answer) {}
  bool await_ready() const { return false; }
  bool await_suspend(std::coroutine_handle<> handle) const {
    if (suspends) operation.handle = handle;
    return suspends;
  }
  int await_resume() const { return operation.result; }
};

ASYNC_TEST(Foreign, await_suspend_may_return_bool) {
  Operation operation;
  operation.result = 1;
  bool other_ran = false;
  get_running_loop().call_soon([&] { other_ran = true; });
  EXPECT_EQ(co_await Perhaps(operation, false), 1);
  EXPECT_FALSE(other_ran);
  get_running_loop().call_soon([&] { operation.complete(2); });
  EXPECT_EQ(co_await Perhaps(operation, true), 2);
}

// A lazy coroutine of another library: its awaiter transfers to it, and it transfers back at its end.
class Lazy {
 public:
  struct promise_type {
    std::coroutine_handle<> continuation;
    int value = 0;
    std::exception_ptr error;
    Lazy get_return_object() { return Lazy(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    auto final_suspend() noexcept {
      struct Back {
        bool await_ready() const noexcept { return false; }
        std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) const noexcept {
          return self.promise().continuation;
        }
        void await_resume() const noexcept {}
      };
      return Back();
    }
    void return_value(int result) { value = result; }
    void unhandled_exception() { error = std::current_exception(); }
  };

  Lazy(Lazy&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  ~Lazy() {
    if (frame_) frame_.destroy();
  }
  bool await_ready() const { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> continuation) {
    frame_.promise().continuation = continuation;
    return frame_;
  }
  int await_resume() {
    if (frame_.promise().error) std::rethrow_exception(frame_.promise().error);
    return frame_.promise().value;
  }

 private:
  explicit Lazy(std::coroutine_handle<promise_type> frame) : frame_(frame) {}
  std::coroutine_handle<promise_type> frame_;
};

Lazy lazy_add(int a, int b) { co_return a + b; }
Lazy lazy_wait(Operation& operation) {
  const int value = co_await Awaiter(operation);
  if (value < 0) throw std::out_of_range("negative");
  co_return value + 1;
}

ASYNC_TEST(Foreign, await_suspend_may_return_a_handle) {
  EXPECT_EQ(co_await lazy_add(1, 2), 3);
  Operation operation;
  get_running_loop().call_soon([&] { operation.complete(41); });
  EXPECT_EQ(co_await lazy_wait(operation), 42);
  get_running_loop().call_soon([&] { operation.complete(-1); });
  bool thrown = false;
  try {
    co_await lazy_wait(operation);
  } catch (const std::out_of_range&) {
    thrown = true;
  }
  EXPECT_TRUE(thrown);
}

struct ReturnsItself {
  bool await_ready() const { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> handle) const { return handle; }
  void await_resume() const {}
};
struct ReturnsNoop {
  Operation& operation;
  explicit ReturnsNoop(Operation& of) : operation(of) {}
  bool await_ready() const { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> handle) const {
    operation.handle = handle;
    return std::noop_coroutine();
  }
  int await_resume() const { return operation.result; }
};

ASYNC_TEST(Foreign, the_handle_may_be_its_own_or_that_of_nothing) {
  co_await ReturnsItself();
  Operation operation;
  get_running_loop().call_soon([&] { operation.complete(4); });
  EXPECT_EQ(co_await ReturnsNoop(operation), 4);
}

// With a member operator co_await, and with a free one.
struct HasMember {
  Operation& operation;
  explicit HasMember(Operation& of) : operation(of) {}
  Awaiter operator co_await() && { return Awaiter(operation); }
};
struct HasFree {
  Operation& operation;
  explicit HasFree(Operation& of) : operation(of) {}
};
Awaiter operator co_await(const HasFree& awaitable) { return Awaiter(awaitable.operation); }

ASYNC_TEST(Foreign, operator_co_await_may_be_a_member_or_free) {
  Operation operation;
  get_running_loop().call_soon([&] { operation.complete(1); });
  EXPECT_EQ(co_await HasMember(operation), 1);
  get_running_loop().call_soon([&] { operation.complete(2); });
  EXPECT_EQ(co_await HasFree(operation), 2);
  const HasFree lvalue(operation);
  get_running_loop().call_soon([&] { operation.complete(3); });
  EXPECT_EQ(co_await lvalue, 3);
}

struct Thrower {
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<>) const { throw std::runtime_error("cannot begin"); }
  void await_resume() const {}
};

ASYNC_TEST(Foreign, an_exception_of_await_suspend_comes_out_of_the_await) {
  std::string what;
  try {
    co_await Thrower();
  } catch (const std::runtime_error& error) {
    what = error.what();
  }
  EXPECT_EQ(what, "cannot begin");
  EXPECT_EQ(get_running_loop().state().outside_work, 0);
  co_await sleep(1s);  // all is well
}

ASYNC_TEST(Foreign, a_handle_that_is_destroyed_instead_of_resumed_is_an_error) {
  Operation operation;
  auto task = create_task(wait_for(operation));
  co_await settle();
  operation.handle.destroy();
  co_await settle();
  EXPECT_THROW(task.result(), RuntimeError);
}

ASYNC_TEST(Foreign, a_virtual_clock_stands_still_meanwhile) {
  EventLoop& loop = get_running_loop();
  const TimePoint start = loop.time();
  bool timer = false;
  loop.call_later(1h, [&] { timer = true; });
  std::atomic<bool> go = false;
  struct Held {
    std::atomic<bool>& go;
    std::thread& thread;
    Held(std::atomic<bool>& flag, std::thread& in) : go(flag), thread(in) {}
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> handle) const {
      thread = std::thread([&flag = go, handle] {
        flag.wait(false);
        handle.resume();
      });
    }
    void await_resume() const {}
  };
  std::thread thread;
  loop.call_soon([&] {
    go = true;
    go.notify_all();
  });
  co_await Held(go, thread);
  EXPECT_EQ(loop.time(), start);
  EXPECT_FALSE(timer);
  thread.join();
  co_await sleep(2h);
  EXPECT_TRUE(timer);
}

ASYNC_TEST(Foreign, a_cancel_waits_until_it_has_resumed_and_lands_at_the_next_wait) {
  Operation operation;
  std::string log;
  const auto body = [](Operation& of, std::string& into) -> Coro<> {
    into += std::to_string(co_await Awaiter(of));
    co_await sleep(0s);
    into += " more";
  };
  auto task = create_task(body(operation, log));
  co_await settle();
  task.cancel();
  co_await settle();
  EXPECT_FALSE(task.done());
  operation.complete(9);
  co_await settle();
  EXPECT_EQ(log, "9");
  EXPECT_TRUE(task.cancelled());
}

ASYNC_TEST(Foreign, a_cancel_that_is_pending_keeps_it_from_being_begun) {
  Operation operation;
  const auto body = [](Operation& of) -> Coro<> {
    current_task().cancel();
    co_await Awaiter(of);
  };
  auto task = create_task(body(operation));
  co_await settle();
  EXPECT_TRUE(task.cancelled());
  EXPECT_FALSE(operation.handle);
}

// What on_cancel may do: resume with an error, resume with a value, forget the handle, nothing for a while.
Coro<int> cancellable(Operation& operation, std::string how, int& asked) {
  if (how == "forget") {
    const auto forget = [&] {
      ++asked;
      operation.handle = nullptr;
      return true;
    };
    Awaiter awaiter(operation);
    co_return co_await from_foreign(awaiter, forget);
  }
  const auto stop = [&] {
    ++asked;
    if (how == "fail") operation.fail();
    if (how == "value") operation.complete(1);
    if (how == "throw") throw std::logic_error("cannot be stopped");
  };
  Awaiter awaiter(operation);
  const int value = co_await from_foreign(awaiter, stop);
  co_await sleep(0s);
  co_return value;
}

ASYNC_TEST(FromForeign, an_operation_that_fails_when_asked_to_stop_is_cancelled) {
  Operation operation;
  int asked = 0;
  auto task = create_task(cancellable(operation, "fail", asked));
  co_await settle();
  task.cancel("enough");
  EXPECT_EQ(asked, 1);
  co_await settle();
  EXPECT_TRUE(task.cancelled());
  std::string message;
  try {
    task.result();
  } catch (const CancelledError& error) {
    message = error.message();
  }
  EXPECT_EQ(message, "enough");
}

ASYNC_TEST(FromForeign, one_that_gives_a_value_all_the_same_is_not_lost) {
  Operation operation;
  int asked = 0;
  auto task = create_task(cancellable(operation, "value", asked));
  co_await settle();
  task.cancel();
  co_await settle();
  EXPECT_TRUE(task.cancelled());  // at the wait behind it
  EXPECT_EQ(operation.result, 1);
}

ASYNC_TEST(FromForeign, one_that_forgets_its_handle_ends_at_once) {
  Operation operation;
  int asked = 0;
  auto task = create_task(cancellable(operation, "forget", asked));
  co_await settle();
  task.cancel();
  co_await settle();
  EXPECT_EQ(asked, 1);
  EXPECT_TRUE(task.cancelled());
  EXPECT_EQ(get_running_loop().state().outside_work, 0);
}

ASYNC_TEST(FromForeign, is_asked_once_and_waits) {
  Operation operation;
  int asked = 0;
  auto task = create_task(cancellable(operation, "later", asked));
  co_await settle();
  task.cancel();
  task.cancel();
  co_await settle();
  EXPECT_EQ(asked, 1);
  EXPECT_FALSE(task.done());
  operation.fail();
  co_await settle();
  EXPECT_TRUE(task.cancelled());
}

ASYNC_TEST(FromForeign, its_own_error_comes_out_where_the_request_was_withdrawn) {
  Operation operation;
  int asked = 0;
  auto task = create_task(cancellable(operation, "later", asked));
  co_await settle();
  task.cancel();
  task.uncancel();
  operation.fail();
  co_await settle();
  EXPECT_FALSE(task.cancelled());
  EXPECT_THROW(task.result(), std::runtime_error);
}

ASYNC_TEST(FromForeign, an_exception_of_on_cancel_is_reported_and_the_wait_goes_on) {
  Operation operation;
  int asked = 0;
  auto task = create_task(cancellable(operation, "throw", asked));
  co_await settle();
  task.cancel();
  EXPECT_EQ(take_reports(),
            std::vector<std::string>{"Exception in the on_cancel of from_foreign(): cannot be stopped"});
  EXPECT_FALSE(task.done());
  operation.complete(1);
  co_await settle();
  EXPECT_TRUE(task.cancelled());
}

ASYNC_TEST(FromForeign, without_a_cancel_it_is_the_plain_await) {
  Operation operation;
  int asked = 0;
  auto task = create_task(cancellable(operation, "fail", asked));
  co_await settle();
  operation.complete(6);
  EXPECT_EQ(co_await task, 6);
  EXPECT_EQ(asked, 0);
  EXPECT_EQ(co_await from_foreign(Inline(), [] {}), 3);
}

TEST(Foreign, a_loop_may_close_while_an_operation_is_out) {
  Operation operation;
  int reports = 0;
  {
    EventLoop loop;
    loop.set_exception_handler([&](EventLoop&, const ExceptionContext&) { ++reports; });
    loop.create_task(wait_for(operation));
    loop.stop();
    loop.run_forever();
    EXPECT_TRUE(operation.handle);
  }
  EXPECT_EQ(reports, 1);
  operation.complete(1);  // nobody waits any more
}

TEST(Foreign, a_loop_may_close_while_another_thread_resumes) {
  for (int i = 0; i < 50; ++i) {
    std::thread thread;
    {
      EventLoop loop;
      loop.set_exception_handler([](EventLoop&, const ExceptionContext&) {});
      std::thread::id id;
      const auto body = [&]() -> Coro<> {
        InThread awaiter{&thread, &id};
        co_await awaiter;
      };
      loop.create_task(body());
      loop.stop();
      loop.run_forever();
    }
    thread.join();
  }
}

ASYNC_TEST(Foreign, any_may_be_made_a_task) {
  auto task = create_task(Inline());
  EXPECT_EQ(co_await task, 3);
  std::thread thread;
  std::thread::id id;
  auto other = create_task(InThread{&thread, &id});
  co_await other;
  EXPECT_EQ(id, std::this_thread::get_id());
  thread.join();
}

ASYNC_TEST(Foreign, one_of_the_standard_library_that_never_suspends_may_be_awaited) { co_await std::suspend_never(); }

static_assert(Awaitable<Awaiter> && !detail::NativeAwaitable<Awaiter>);
static_assert(detail::NativeAwaitable<detail::Sleep> && detail::NativeAwaitable<Task<int>&> &&
              detail::NativeAwaitable<detail::FromForeign<Inline, void (*)()>>);

}  // namespace
