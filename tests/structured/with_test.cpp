// SPDX-License-Identifier: MIT
#include <asyncio/with.h>

#include <asyncio/cancel_scope.h>
#include <asyncio/exit_stack.h>
#include <asyncio/lock.h>
#include <asyncio/task_group.h>
#include <asyncio/testing.h>
#include <asyncio/timeout.h>

#include <stdexcept>
#include <string>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

// Signs a log when it is entered and left, and takes a second for either.
class Door {
 public:
  explicit Door(std::string& log) : log_(&log) {}
  Coro<std::string> enter() {
    co_await sleep(1s);
    *log_ += "enter ";
    co_return "key";
  }
  Coro<> exit(std::exception_ptr error) {
    *log_ += error != nullptr ? "failed " : "leave ";
    co_await sleep(1s);
    *log_ += "left ";
  }

 private:
  std::string* log_;
};

// Suppresses std::runtime_error.
class Forgiving {
 public:
  Coro<> enter() { co_return; }
  Coro<bool> exit(std::exception_ptr error) {
    co_await sleep(0s);
    try {
      if (error != nullptr) std::rethrow_exception(error);
    } catch (const std::runtime_error&) {
      co_return true;
    } catch (...) {
    }
    co_return false;
  }
};

// Both ends wait for nothing.
class Counter {
 public:
  int& enter_now() { return ++inside_; }
  bool exit_now(std::exception_ptr error) {
    --inside_;
    ++exits_;
    return error != nullptr && swallow;
  }
  int inside() const { return inside_; }
  int exits() const { return exits_; }
  bool swallow = false;

 private:
  int inside_ = 0;
  int exits_ = 0;
};

// Leaves in the task of the block.
struct InPlace {
  static constexpr bool exits_in_place = true;
  AnyTask left_by;
  bool interrupted = false;
  Coro<> enter() { co_return; }
  Coro<> exit(std::exception_ptr) {
    left_by = current_task();
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
      interrupted = true;
    }
  }
};

Coro<int> fail_with(std::string text) {
  co_await sleep(0s);
  throw std::runtime_error(text);
}

ASYNC_TEST(With, enters_runs_the_body_and_leaves) {
  std::string log;
  const int value = co_await with(Door(log), [&](std::string key) -> Coro<int> {
    co_await sleep(1s);
    log += key + " ";
    co_return 42;
  });
  EXPECT_EQ(value, 42);
  EXPECT_EQ(log, "enter key leave left ");
}

ASYNC_TEST(With, gives_the_body_what_it_takes) {
  std::string log;
  Door door(log);
  const bool same = co_await with(door, [&](Door& entered) -> Coro<bool> { co_return &entered == &door; });
  EXPECT_TRUE(same);
  co_await with(door, [&]() -> Coro<> { co_return; });
  EXPECT_EQ(log, "enter leave left enter leave left ");
}

ASYNC_TEST(With, does_nothing_before_it_is_awaited) {
  std::string log;
  auto block = with(Door(log), []() -> Coro<> { co_return; });
  co_await sleep(5s);
  EXPECT_EQ(log, "");
  block.close();
}

ASYNC_TEST(With, leaves_after_an_exception_of_the_body_and_lets_it_pass) {
  std::string log;
  std::string caught;
  try {
    co_await with(Door(log), [&]() -> Coro<int> { co_return co_await fail_with("no"); });
  } catch (const std::runtime_error& error) {
    caught = error.what();
  }
  EXPECT_EQ(caught, "no");
  EXPECT_EQ(log, "enter failed left ");
}

// A body may be a plain function that gives a coroutine: what it throws itself is thrown in the block as well.
ASYNC_TEST(With, an_exit_may_suppress_what_a_body_throws_before_it_becomes_a_coroutine) {
  Counter counter;
  counter.swallow = true;
  const std::optional<int> lost =
      co_await with(counter, [](int&) -> Coro<int> { throw std::runtime_error("not even begun"); });
  EXPECT_EQ(lost, std::nullopt);
  const bool whole = co_await with(counter, [](int&) -> Coro<> { throw std::runtime_error("not even begun"); });
  EXPECT_FALSE(whole);
  EXPECT_EQ(counter.exits(), 2);
  counter.swallow = false;
  bool passed = false;
  try {
    co_await with(counter, [](int&) -> Coro<> { throw std::runtime_error("not even begun"); });
  } catch (const std::runtime_error&) {
    passed = true;
  }
  EXPECT_TRUE(passed);
  EXPECT_EQ(counter.exits(), 3);
  EXPECT_EQ(counter.inside(), 0);
}

ASYNC_TEST(With, an_exit_that_may_suppress_makes_the_value_optional) {
  const std::optional<int> kept = co_await with(Forgiving(), []() -> Coro<int> { co_return 1; });
  EXPECT_EQ(kept, 1);
  const std::optional<int> lost = co_await with(Forgiving(), []() -> Coro<int> { co_return co_await fail_with("x"); });
  EXPECT_EQ(lost, std::nullopt);
  const bool whole = co_await with(Forgiving(), []() -> Coro<> { co_return; });
  EXPECT_TRUE(whole);
  const bool broken = co_await with(Forgiving(), []() -> Coro<> { co_await fail_with("x"); });
  EXPECT_FALSE(broken);
  bool passed = false;
  try {
    co_await with(Forgiving(), []() -> Coro<> {
      co_await sleep(0s);
      throw std::logic_error("not mine");
    });
  } catch (const std::logic_error&) {
    passed = true;
  }
  EXPECT_TRUE(passed);
}

ASYNC_TEST(With, a_cancel_in_the_body_waits_for_the_whole_exit) {
  std::string log;
  auto task = create_task(with(Door(log), []() -> Coro<> { co_await sleep(1h); }));
  co_await sleep(2s);
  task.cancel();
  co_await settle();
  EXPECT_FALSE(task.done());
  EXPECT_EQ(log, "enter failed ");
  co_await sleep(2s);
  EXPECT_TRUE(task.cancelled());
  EXPECT_EQ(log, "enter failed left ");
}

ASYNC_TEST(With, a_cancel_during_the_exit_lands_after_it) {
  std::string log;
  const auto work = [](std::string& text) -> Coro<> {
    co_await with(Door(text), []() -> Coro<> { co_return; });
    text += "after ";
    co_await sleep(1h);
  };
  auto task = create_task(work(log));
  co_await sleep(1500ms);
  EXPECT_EQ(log, "enter leave ");
  task.cancel();
  co_await sleep(1s);
  EXPECT_EQ(log, "enter leave left after ");
  EXPECT_TRUE(task.cancelled());
}

ASYNC_TEST(With, a_cancel_during_the_enter_does_not_enter) {
  std::string log;
  auto task = create_task(with(Door(log), []() -> Coro<> { co_return; }));
  co_await settle();
  task.cancel();
  co_await settle();
  EXPECT_TRUE(task.cancelled());
  EXPECT_EQ(log, "");
}

ASYNC_TEST(With, an_exit_sees_and_changes_the_context_of_the_block) {
  static ContextVar<int> level("level", 0);
  struct Level {
    std::optional<ContextToken> token;
    Coro<> enter() {
      token = level.set(level.get() + 1);
      co_return;
    }
    Coro<> exit(std::exception_ptr) {
      EXPECT_EQ(level.get(), 1);
      level.reset(*token);
      co_return;
    }
  };
  co_await with(Level(), []() -> Coro<> {
    EXPECT_EQ(level.get(), 1);
    co_return;
  });
  EXPECT_EQ(level.get(), 0);
}

ASYNC_TEST(With, an_exit_in_place_runs_in_the_task_of_the_block_and_sees_its_cancel) {
  InPlace block;
  auto task = create_task(with(block, []() -> Coro<> { co_return; }));
  co_await settle();
  EXPECT_TRUE(block.left_by == task);
  task.cancel();
  co_await settle();
  EXPECT_TRUE(block.interrupted);
  EXPECT_TRUE(task.done());
}

ASYNC_TEST(With, an_exception_of_the_exit_replaces_that_of_the_body) {
  struct Broken {
    Coro<> enter() { co_return; }
    Coro<> exit(std::exception_ptr) {
      co_await sleep(0s);
      throw std::logic_error("exit");
    }
  };
  std::string caught;
  try {
    co_await with(Broken(), []() -> Coro<> { co_await fail_with("body"); });
  } catch (const std::exception& error) {
    caught = error.what();
  }
  EXPECT_EQ(caught, "exit");
}

ASYNC_TEST(With, plain_ends_make_no_task) {
  Counter counter;
  const std::optional<int> inside = co_await with(counter, [&](int& count) -> Coro<int> {
    EXPECT_EQ(all_tasks().size(), 1u);
    co_await sleep(1s);
    co_return count;
  });
  EXPECT_EQ(inside, 1);
  EXPECT_EQ(counter.inside(), 0);
  EXPECT_EQ(counter.exits(), 1);

  counter.swallow = true;
  const bool whole = co_await with(counter, []() -> Coro<> { co_await fail_with("x"); });
  EXPECT_FALSE(whole);
  counter.swallow = false;
  bool thrown = false;
  try {
    co_await with(counter, []() -> Coro<> { co_await fail_with("x"); });
  } catch (const std::runtime_error&) {
    thrown = true;
  }
  EXPECT_TRUE(thrown);
  EXPECT_EQ(counter.exits(), 3);
}

ASYNC_TEST(With, a_block_with_plain_ends_can_be_a_task) {
  Counter counter;
  auto task = create_task(with(counter, []() -> Coro<int> {
    co_await sleep(1s);
    co_return 7;
  }));
  co_await settle();
  EXPECT_EQ(counter.inside(), 1);
  const std::optional<int> value = co_await task;
  EXPECT_EQ(value, 7);
  EXPECT_EQ(counter.inside(), 0);
}

ASYNC_TEST(With, a_body_that_is_not_a_coroutine_itself_may_throw) {
  Counter counter;
  bool thrown = false;
  try {
    co_await with(counter, [&]() -> Coro<int> {
      if (counter.inside() == 1) throw std::runtime_error("early");
      return fail_with("late");
    });
  } catch (const std::runtime_error& error) {
    thrown = std::string(error.what()) == "early";
  }
  EXPECT_TRUE(thrown);
  EXPECT_EQ(counter.inside(), 0);
}

TEST(With, a_loop_that_closes_within_an_exit_destroys_the_exit_first) {
  struct Watch {
    bool* alive;
    ~Watch() {
      if (alive != nullptr) *alive = false;
    }
  };
  static bool exit_saw_the_block;
  exit_saw_the_block = false;
  static bool block_alive;
  block_alive = true;
  struct Saw {
    ~Saw() { exit_saw_the_block = block_alive; }
  };
  struct Block {
    Block() = default;
    Block(Block&& other) noexcept : watch{std::exchange(other.watch.alive, nullptr)} {}
    Watch watch{&block_alive};
    Coro<> enter() { co_return; }
    Coro<> exit(std::exception_ptr) {
      Saw saw;
      co_await sleep(1h);
    }
  };
  {
    EventLoop loop;
    std::vector<std::string> reports;
    loop.set_exception_handler(
        [&](EventLoop&, const ExceptionContext& context) { reports.push_back(context.message); });
    const auto main = []() -> Coro<> {
      auto task = create_task(with(Block(), []() -> Coro<> { co_return; }));
      co_await settle();
      EXPECT_FALSE(task.done());
    };
    loop.run_until_complete(main());
    loop.close();
    EXPECT_EQ(reports.size(), 2u);
  }
  EXPECT_FALSE(block_alive);
  EXPECT_TRUE(exit_saw_the_block);
}

ASYNC_TEST(With, takes_a_body_that_returns_nothing) {
  std::string log;
  co_await with(Door(log), [&](const std::string& key) { log += key + " "; });
  EXPECT_EQ(log, "enter key leave left ");

  Counter counter;
  EXPECT_TRUE(co_await with(counter, [&] { log = std::to_string(counter.inside()); }));
  EXPECT_EQ(log, "1");
  EXPECT_EQ(counter.inside(), 0);
}

ASYNC_TEST(With, leaves_the_block_of_a_plain_body_that_throws) {
  EXPECT_FALSE(co_await with(Forgiving(), [] { throw std::runtime_error("oops"); }));
  std::string log;
  EXPECT_THROW(co_await with(Door(log), [] { throw std::logic_error("oops"); }), std::logic_error);
  EXPECT_EQ(log, "enter failed left ");
}

ASYNC_TEST(With, a_plain_body_goes_with_every_kind_of_block) {
  std::string log;
  const auto say = [&log](std::string what) -> Coro<> {
    co_await sleep(1s);
    log += what;
  };
  EXPECT_TRUE(co_await with(TaskGroup(), [&](TaskGroup& group) {
    group.create_task(say("a"));
    group.create_task(say, "b");
  }));
  EXPECT_EQ(log, "ab");
  co_await with(timeout(1s), [&] { log += "c"; });
  EXPECT_TRUE(co_await with(CancelScope(), [&](CancelScope& scope) { scope.cancel(); }));
  Lock lock;
  co_await with(lock, [&] { EXPECT_TRUE(lock.locked()); });
  EXPECT_FALSE(lock.locked());
  co_await with(ExitStack(), [&](ExitStack& stack) { stack.callback(say, "d"); });
  EXPECT_EQ(log, "abcd");
}

}  // namespace
