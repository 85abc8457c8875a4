// SPDX-License-Identifier: MIT
#include <asyncio/exit_stack.h>

#include <asyncio/cancel_scope.h>
#include <asyncio/exception_group.h>
#include <asyncio/task_group.h>
#include <asyncio/testing.h>

#include <functional>
#include <stdexcept>
#include <utility>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

std::string text_of(const std::exception_ptr& error) {
  if (error == nullptr) return "-";
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  } catch (const CancelledError&) {
    return "cancelled";
  } catch (...) {
    return "?";
  }
}

// Takes a second at either end, and signs the log.
class Door {
 public:
  Door(std::string& log, char name) : log_(&log), name_(name) {}
  Coro<char> enter() {
    co_await sleep(1s);
    *log_ += std::string("+") + name_ + ' ';
    co_return name_;
  }
  Coro<> exit(std::exception_ptr error) {
    co_await sleep(1s);
    *log_ += std::string("-") + name_ + ':' + text_of(error) + ' ';
  }

 private:
  std::string* log_;
  char name_;
};

// Both ends wait for nothing; entering gives nothing.
struct Latch {
  bool locked = false;
  void enter_now() { locked = true; }
  void exit_now(const std::exception_ptr&) { locked = false; }
};

struct Closed {
  Coro<> enter() {
    co_await sleep(0s);
    throw std::runtime_error("closed");
  }
  Coro<> exit(std::exception_ptr) {
    ADD_FAILURE();
    co_return;
  }
};

ASYNC_TEST(ExitStack, leaves_what_it_has_entered_in_the_reverse_order) {
  std::string log;
  const bool completed = co_await with(ExitStack(), [&](ExitStack& stack) -> Coro<> {
    EXPECT_EQ(co_await stack.enter(Door(log, 'a')), 'a');
    EXPECT_EQ(co_await stack.enter(Door(log, 'b')), 'b');
    EXPECT_EQ(stack.size(), 2U);
    log += "body ";
  });
  EXPECT_TRUE(completed);
  EXPECT_EQ(log, "+a +b body -b:- -a:- ");
}

ASYNC_TEST(ExitStack, gives_the_block_itself_where_entering_gives_nothing) {
  Latch latch;
  co_await with(ExitStack(), [&](ExitStack& stack) -> Coro<> {
    Latch& own = co_await stack.enter(Latch());
    EXPECT_TRUE(own.locked);
    Latch& same = co_await stack.enter(latch);
    EXPECT_EQ(&same, &latch);
    EXPECT_TRUE(latch.locked);
  });
  EXPECT_FALSE(latch.locked);
}

ASYNC_TEST(ExitStack, does_not_leave_what_could_not_be_entered) {
  std::string log;
  std::string caught;
  try {
    co_await with(ExitStack(), [&](ExitStack& stack) -> Coro<> {
      co_await stack.enter(Door(log, 'a'));
      co_await stack.enter(Closed());
    });
  } catch (const std::runtime_error& e) {
    caught = e.what();
  }
  EXPECT_EQ(caught, "closed");
  EXPECT_EQ(log, "+a -a:closed ");
}

ASYNC_TEST(ExitStack, calls_functions_and_coroutines_with_their_arguments) {
  std::string log;
  co_await with(ExitStack(), [&](ExitStack& stack) -> Coro<> {
    stack.callback([&log](std::string text, int count) { log += text + std::to_string(count) + ' '; }, "plain", 1);
    stack.callback(
        [&log](std::unique_ptr<int>& number) -> Coro<> {
          co_await sleep(1s);
          log += "coroutine" + std::to_string(*number) + ' ';
        },
        std::make_unique<int>(2));
    stack.callback([&log]() -> bool {
      log += "true ";
      return true;  // means nothing
    });
    co_return;
  });
  EXPECT_EQ(log, "true coroutine2 plain1 ");
}

ASYNC_TEST(ExitStack, tells_its_exits_of_the_error_and_throws_it_in_the_end) {
  std::string log;
  std::string caught;
  try {
    co_await with(ExitStack(), [&](ExitStack& stack) -> Coro<> {
      stack.push([&log](std::exception_ptr error) { log += text_of(error) + ' '; });
      stack.push([&log](std::exception_ptr error) -> Coro<bool> {
        co_await sleep(1s);
        log += text_of(error) + ' ';
        co_return false;
      });
      stack.callback([&log] { log += "callback "; });
      throw std::runtime_error("body");
      co_return;
    });
  } catch (const std::runtime_error& e) {
    caught = e.what();
  }
  EXPECT_EQ(log, "callback body body ");
  EXPECT_EQ(caught, "body");
}

ASYNC_TEST(ExitStack, an_exit_may_suppress_the_error_for_those_that_come_after) {
  std::string log;
  const std::optional<int> value = co_await with(ExitStack(), [&](ExitStack& stack) -> Coro<int> {
    stack.push([&log](std::exception_ptr error) { log += text_of(error) + ' '; });
    stack.push([](std::exception_ptr error) { return error != nullptr; });
    stack.push([&log](std::exception_ptr error) { log += text_of(error) + ' '; });
    throw std::runtime_error("body");
    co_return 1;
  });
  EXPECT_FALSE(value);
  EXPECT_EQ(log, "body - ");
}

ASYNC_TEST(ExitStack, the_last_error_wins_and_all_exits_run) {
  std::string log;
  std::string caught;
  try {
    co_await with(ExitStack(), [&](ExitStack& stack) -> Coro<> {
      stack.push([&log](std::exception_ptr error) { log += text_of(error) + ' '; });
      stack.callback([]() -> Coro<> {
        co_await sleep(1s);
        throw std::runtime_error("second");
      });
      stack.push([&log](std::exception_ptr error) { log += text_of(error) + ' '; });
      stack.callback([] { throw std::runtime_error("first"); });
      throw std::runtime_error("body");
      co_return;
    });
  } catch (const std::runtime_error& e) {
    caught = e.what();
  }
  EXPECT_EQ(log, "first second ");
  EXPECT_EQ(caught, "second");
}

ASYNC_TEST(ExitStack, an_error_of_an_exit_may_be_suppressed_too) {
  const std::optional<int> value = co_await with(ExitStack(), [](ExitStack& stack) -> Coro<int> {
    stack.push([](std::exception_ptr error) { return error != nullptr; });
    stack.callback([] { throw std::runtime_error("exit"); });
    co_return 1;
  });
  EXPECT_EQ(value, 1);  // the body had ended with it
}

ASYNC_TEST(ExitStack, an_exit_may_push_another_one) {
  std::string log;
  co_await with(ExitStack(), [&](ExitStack& stack) -> Coro<> {
    stack.callback([&log] { log += "first "; });
    stack.callback([&log, &stack] { stack.callback([&log] { log += "pushed "; }); });
    co_return;
  });
  EXPECT_EQ(log, "pushed first ");
}

ASYNC_TEST(ExitStack, pop_all_hands_everything_to_another_stack) {
  std::string log;
  ExitStack kept;
  co_await with(ExitStack(), [&](ExitStack& stack) -> Coro<> {
    co_await stack.enter(Door(log, 'a'));
    stack.callback([&log] { log += "callback "; });
    kept = stack.pop_all();
    EXPECT_EQ(stack.size(), 0U);
  });
  EXPECT_EQ(log, "+a ");
  EXPECT_EQ(kept.size(), 2U);
  co_await kept.aclose();
  EXPECT_EQ(log, "+a callback -a:- ");
  EXPECT_EQ(kept.size(), 0U);
}

ASYNC_TEST(ExitStack, that_is_dropped_destroys_its_content_without_the_exits) {
  std::string log;
  struct Sign {
    std::string* log;
    char name;
    Sign(std::string& text, char sign) : log(&text), name(sign) {}
    Sign(Sign&& other) noexcept : log(std::exchange(other.log, nullptr)), name(other.name) {}
    ~Sign() {
      if (log != nullptr) *log += name;
    }
    void operator()() const { *log += "called"; }
  };
  {
    ExitStack stack;
    stack.callback(Sign(log, 'a'));
    stack.callback(Sign(log, 'b'));
  }
  EXPECT_EQ(log, "ba");
  co_return;
}

ASYNC_TEST(ExitStack, a_cancel_runs_all_exits_to_their_end) {
  std::string log;
  auto block = create_task([&log]() -> Coro<> {
    co_await with(ExitStack(), [&](ExitStack& stack) -> Coro<> {
      co_await stack.enter(Door(log, 'a'));
      stack.callback([&log]() -> Coro<> {
        co_await sleep(1s);
        log += "callback ";
      });
      co_await sleep(1h);
    });
  });
  co_await sleep(2s);
  block.cancel();
  co_await settle();
  block.cancel();  // in the middle of an exit
  co_await sleep(3s);
  EXPECT_EQ(log, "+a callback -a:cancelled ");
  EXPECT_TRUE(block.cancelled());
}

ASYNC_TEST(ExitStack, holds_scopes_and_groups) {
  std::string log;
  const TimePoint start = get_running_loop().time();
  const bool completed = co_await with(ExitStack(), [&](ExitStack& stack) -> Coro<> {
    CancelScope& scope = co_await stack.enter(move_on_after(1s));
    TaskGroup& group = co_await stack.enter(TaskGroup());
    group.create_task(
        [](std::string& text) -> Coro<> {
          try {
            co_await sleep(1h);
          } catch (const CancelledError&) {
            text += "task ";
            throw;
          }
        },
        std::ref(log));
    EXPECT_FALSE(scope.cancel_called());
    co_await sleep(1h);
  });
  EXPECT_FALSE(completed);
  EXPECT_EQ(log, "task ");
  EXPECT_EQ(get_running_loop().time() - start, 1s);
  EXPECT_EQ(current_task().cancelling(), 0);
  co_await sleep(1s);
}

}  // namespace
