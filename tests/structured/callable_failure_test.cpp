// SPDX-License-Identifier: MIT
// Callables, arguments and awaitables whose operations throw: each in its turn, until none does. What was asked for
// either happens or not, what throws comes out of it, and nothing is left behind.
#include <asyncio/asyncio.h>
#include <asyncio/testing.h>

#include <atomic>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

struct Blown : std::runtime_error {
  Blown() : std::runtime_error("the fuse") {}
};

// The nth operation throws.
struct Fuse {
  static inline int left = -1;
  static inline std::atomic<int> alive = 0;  // a pool's thread and the loop's destroy what a callable is given
  static void burn() {
    if (left > 0 && --left == 0) throw Blown();  // a negative one does not burn
  }
};

// Its copies and moves may throw.
class Fused {
 public:
  Fused() { ++Fuse::alive; }
  Fused(const Fused& /*other*/) {
    Fuse::burn();
    ++Fuse::alive;
  }
  Fused(Fused&& /*other*/) {  // NOLINT(performance-noexcept-move-constructor)
    Fuse::burn();
    ++Fuse::alive;
  }
  Fused& operator=(const Fused&) = delete;
  ~Fused() { --Fuse::alive; }
};

// As is the call, and what the coroutine does.
struct Callable : Fused {
  Coro<int> operator()(const Fused& argument) const {
    Fuse::burn();
    return body(argument);
  }
  static Coro<int> body([[maybe_unused]] Fused argument) {
    co_await sleep(1ms);
    Fuse::burn();
    co_return 1;
  }
};
struct PlainCallable : Fused {
  int operator()(const Fused& /*argument*/) const {
    Fuse::burn();
    return 1;
  }
};

// Each step of its await may throw.
struct Ready : Fused {
  bool await_ready() const {
    Fuse::burn();
    return false;
  }
  bool await_suspend(std::coroutine_handle<> /*self*/) const {
    Fuse::burn();
    return false;
  }
  int await_resume() const {
    Fuse::burn();
    return 1;
  }
};

// What comes out of it is the fuse, or 1.
struct Use {
  const char* name;
  std::function<Coro<int>()> run;
};

Coro<int> in_group(std::function<Coro<int>(TaskGroup&)> body) {
  int value = 0;
  co_await with(TaskGroup(), [&](TaskGroup& group) -> Coro<> {
    auto steady = group.create_task(sleep(1ms));
    value = co_await body(group);
    co_await steady;
  });
  co_return value;
}

// The group stays what it was where a task could not be made: the error is caught in its body, and it goes on.
Coro<int> start_in_group() {
  std::exception_ptr error;
  const int value = co_await in_group([&error](TaskGroup& group) -> Coro<int> {
    Task<int> task;
    try {
      task = group.create_task(Callable(), Fused());
    } catch (const Blown&) {
      error = std::current_exception();
      co_return 0;
    }
    co_return co_await task;
  });
  if (error != nullptr) std::rethrow_exception(error);
  co_return value;
}

Coro<> sleep_long() { co_await sleep(1h); }
Coro<> fail_at_once() {
  co_await sleep(1ms);
  throw std::runtime_error("the fuse");
}

const Use uses[] = {
    {"create_task", []() -> Coro<int> { co_return co_await create_task(Callable(), Fused()); }},
    {"create_task of an awaitable", []() -> Coro<int> { co_return co_await create_task(Ready()); }},
    {"TaskGroup::create_task", &start_in_group},
    {"TaskGroup::start",
     []() -> Coro<int> {
       return in_group([](TaskGroup& group) -> Coro<int> {
         const auto body = [](Started<int>& started, const Fused& /*argument*/, Fused /*own*/) -> Coro<> {
           Fuse::burn();
           started(1);
           co_return;
         };
         co_return co_await group.start(body, Fused(), Fused());
       });
     }},
    {"gather", []() -> Coro<int> { co_return std::get<1>(co_await gather(sleep(1ms), Ready())); }},
    {"gather of outcomes",
     []() -> Coro<int> { co_return std::get<1>(co_await gather(return_exceptions, sleep(1ms), Ready())).value(); }},
    {"as_result", []() -> Coro<int> { co_return (co_await as_result(Ready())).value(); }},
    {"as_result of a call",
     []() -> Coro<int> { co_return (co_await as_result(create_task(Callable(), Fused()))).value(); }},
    {"wait_for", []() -> Coro<int> { co_return co_await wait_for(Ready(), 1s); }},
    {"shield", []() -> Coro<int> { co_return co_await shield(Ready()); }},
    {"race", []() -> Coro<int> { co_return std::get<0>(co_await race(Ready(), sleep_long())); }},
    {"race, behind another", []() -> Coro<int> { co_return std::get<1>(co_await race(sleep_long(), Ready())); }},
    {"first_success", []() -> Coro<int> { co_return std::get<1>(co_await first_success(fail_at_once(), Ready())); }},
    {"retry", []() -> Coro<int> { co_return co_await retry(RetryOptions{.attempts = 1}, Callable(), Fused()); }},
    {"with",
     []() -> Coro<int> {
       const auto value =
           co_await with(CancelScope(), [fused = Fused()](CancelScope&) -> Coro<int> { return Callable()(fused); });
       co_return value.value();
     }},
    {"call_soon",
     []() -> Coro<int> {
       Future<int> called;
       get_running_loop().call_soon(
           [called](const Fused& /*argument*/) {
             try {
               Fuse::burn();
               called.set_result(1);
             } catch (...) {
               called.set_exception(std::current_exception());
             }
           },
           Fused());
       co_return co_await called;
     }},
    {"to_thread", []() -> Coro<int> { co_return co_await to_thread(PlainCallable(), Fused()); }},
    {"run_in_executor",
     []() -> Coro<int> { co_return co_await get_running_loop().run_in_executor(nullptr, PlainCallable(), Fused()); }},
};

// Whether it blew; anything but that and 1 is an error.
Coro<bool> blows(const Use& use) {
  std::exception_ptr error;
  try {
    EXPECT_EQ(co_await use.run(), 1) << use.name;
  } catch (const ExceptionGroup& group) {
    EXPECT_LE(group.exceptions().size(), 2u) << use.name;
    error = group.exceptions().back();
  } catch (const Blown&) {
    error = std::current_exception();
  }
  if (error == nullptr) co_return false;
  EXPECT_EQ(Outcome<void>(error).what(), "the fuse") << use.name;
  co_return true;
}

ASYNC_IO_TEST(CallableFailure, comes_out_and_leaves_nothing_behind) {
  for (const Use& use : uses) {
    int blown = 0;
    for (bool through = false; !through; ++blown) {
      Fuse::left = blown + 1;
      const bool failed = co_await blows(use);
      through = Fuse::left > 0;
      Fuse::left = -1;
      EXPECT_EQ(failed, !through) << use.name << " at " << blown;
      co_await sleep(2ms);  // what has been started runs on
      EXPECT_EQ(Fuse::alive, 0) << use.name << " at " << blown;
      EXPECT_EQ(all_tasks().size(), 1u) << use.name << " at " << blown;
      require(blown < 100);
    }
    EXPECT_GT(blown, 1) << use.name << " never failed";
  }
}

Coro<int> sign(int& started) {
  ++started;
  co_return 1;
}

// Functions that start several: each is called with an argument that throws when it is moved, and others beside it.
struct Several {
  const char* name;
  void (*call)(int& started);
};

std::vector<Ready> ready_ones() { return std::vector<Ready>(3); }

const Several several[] = {
    {"gather", [](int& started) { (void)gather(sign(started), Ready(), sign(started)); }},
    {"gather of outcomes", [](int& started) { (void)gather(return_exceptions, sign(started), Ready()); }},
    {"gather, of the last", [](int& started) { (void)gather(Ready(), sign(started), sign(started)); }},
    {"race", [](int& started) { (void)race(sign(started), Ready(), sign(started)); }},
    {"race, of the last", [](int& started) { (void)race(Ready(), sign(started)); }},
    {"first_success", [](int& started) { (void)first_success(sign(started), Ready(), sign(started)); }},
};

const Several ranges[] = {
    {"gather", [](int&) { (void)gather(ready_ones()); }},
    {"race", [](int&) { (void)race(ready_ones()); }},
    {"first_success", [](int&) { (void)first_success(ready_ones()); }},
};

// The test fails where one of them is reported as never awaited.
Coro<> expect_nothing_started(const Several& each, int operation) {
  int started = 0;
  Fuse::left = operation;
  EXPECT_THROW(each.call(started), Blown) << each.name;
  Fuse::left = -1;
  co_await settle();
  EXPECT_EQ(started, 0) << each.name;
  EXPECT_EQ(Fuse::alive, 0) << each.name;
  EXPECT_EQ(all_tasks().size(), 1u) << each.name;
}

ASYNC_TEST(CallableFailure, of_one_argument_starts_none_of_those_beside_it) {
  for (const Several& each : several) co_await expect_nothing_started(each, 1);
  // Each element is moved at least once; the second or the third of them blows.
  for (const Several& each : ranges) co_await expect_nothing_started(each, 3);
}

// A task factory that refuses the second task: the first runs on, as all children of a gather() that is dropped do.
ASYNC_TEST(CallableFailure, of_a_start_closes_the_coroutines_that_are_left) {
  int started = 0;
  int asked = 0;
  get_running_loop().set_task_factory([&](EventLoop&, NewTask&) {
    if (++asked == 2) throw Blown();
  });
  EXPECT_THROW((void)gather(sign(started), sign(started), sign(started)), Blown);
  asked = 0;
  std::vector<Coro<int>> coros;
  for (int i = 0; i < 3; ++i) coros.push_back(sign(started));
  EXPECT_THROW((void)gather(std::move(coros)), Blown);
  get_running_loop().set_task_factory(nullptr);
  co_await settle();
  EXPECT_EQ(started, 2);
}

}  // namespace
