// SPDX-License-Identifier: MIT
#include <asyncio/cancel_scope.h>
#include <asyncio/exit_stack.h>
#include <asyncio/race.h>
#include <asyncio/task_group.h>
#include <asyncio/testing.h>
#include <asyncio/timeout.h>
#include <asyncio/with.h>

#include <algorithm>
#include <functional>
#include <random>
#include <stdexcept>
#include <utility>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

// Random trees of groups, scopes, races and stacks, in which everybody cancels everybody: whatever happens, every block
// is left, every clean-up runs, no task remains, and no scope swallows an error that is not its own.

namespace {

struct Oops : std::runtime_error {
  Oops() : std::runtime_error("oops") {}
};

class Tree {
 public:
  explicit Tree(unsigned seed) : random_(seed) {}

  // A task of the tree, or a part of one.
  Coro<> node(int depth);
  // A task of the tree: what leaves it must not be the error of a scope, because all its scopes are inside.
  Coro<> task(int depth);
  Coro<> starting(Started<int>& started, int depth);

  int begun = 0;   // nodes that have begun, and
  int ended = 0;   // those whose last destructor has run
  int blocks = 0;  // that have been entered and not left

  bool is_idle() const { return begun == ended && blocks == 0 && scopes_.empty() && groups_.empty() && tasks_.empty(); }

 private:
  int pick(int bound) { return static_cast<int>(random_() % static_cast<unsigned>(bound)); }
  std::chrono::seconds some_time() { return std::chrono::seconds(pick(4)); }

  void disturb();
  Coro<> step(int depth);
  Coro<> in_group(int depth);
  Coro<> in_scope(int depth);
  Coro<> in_stack(int depth);
  Coro<> in_timeout(int depth);
  Coro<> cleaning_up(int depth);

  // Has something in a list while it lives.
  template <class T>
  class Listed {
   public:
    Listed(std::vector<T>& list, T entry) : list_(list), entry_(entry) { list_.push_back(entry_); }
    Listed(const Listed&) = delete;
    ~Listed() { list_.erase(std::find(list_.begin(), list_.end(), entry_)); }

   private:
    std::vector<T>& list_;
    T entry_;
  };
  class Counted {
   public:
    Counted(int& up, int& down) : down_(down) { ++up; }
    Counted(const Counted&) = delete;
    ~Counted() { ++down_; }

   private:
    int& down_;
  };

  std::mt19937 random_;
  std::vector<CancelScope*> scopes_;
  std::vector<TaskGroup*> groups_;
  std::vector<AnyTask> tasks_;
};

// Cancels somebody: a scope, a group, a task; or moves a shield or a deadline.
void Tree::disturb() {
  const int what = pick(8);
  if (what <= 2 && !scopes_.empty()) {
    scopes_[static_cast<std::size_t>(pick(static_cast<int>(scopes_.size())))]->cancel();
  } else if (what == 3 && !scopes_.empty()) {
    scopes_[static_cast<std::size_t>(pick(static_cast<int>(scopes_.size())))]->set_shield(pick(2) == 0);
  } else if (what == 4 && !scopes_.empty()) {
    scopes_[static_cast<std::size_t>(pick(static_cast<int>(scopes_.size())))]->set_deadline(get_running_loop().time() +
                                                                                            some_time());
  } else if (what == 5 && !groups_.empty()) {
    groups_[static_cast<std::size_t>(pick(static_cast<int>(groups_.size())))]->cancel();
  } else if (what >= 6 && !tasks_.empty()) {
    tasks_[static_cast<std::size_t>(pick(static_cast<int>(tasks_.size())))].cancel();
  }
}

Coro<> Tree::task(int depth) {
  Listed listed(tasks_, current_task());
  try {
    co_await node(depth);
  } catch (const CancelledError& e) {
    EXPECT_EQ(e.source(), nullptr);
    throw;
  }
}

Coro<> Tree::node(int depth) {
  Counted counted(begun, ended);
  const int steps = 1 + pick(3);
  for (int i = 0; i < steps; ++i) co_await step(depth);
}

Coro<> Tree::step(int depth) {
  const int what = pick(depth > 0 ? 14 : 5);
  switch (what) {
    case 0:
    case 1:
      co_await sleep(some_time());
      break;
    case 2:
      disturb();
      break;
    case 3:
      if (pick(6) == 0) throw Oops();
      break;
    case 4:
    case 5:
      co_await cleaning_up(depth - 1);
      break;
    case 6:
    case 7:
      co_await in_group(depth - 1);
      break;
    case 8:
    case 9:
      co_await in_scope(depth - 1);
      break;
    case 10:
      co_await in_stack(depth - 1);
      break;
    case 11:
      co_await race(task(depth - 1), task(depth - 1));
      break;
    case 12:
      co_await in_timeout(depth - 1);
      break;
    case 13:
      co_await wait_for(node(depth - 1), some_time());  // in the same task
      break;
    default:
      break;
  }
}

Coro<> Tree::starting(Started<int>& started, int depth) {
  if (pick(3) == 0) co_await task(depth);
  if (pick(6) != 0) started(7);
  co_await task(depth);
}

Coro<> Tree::in_group(int depth) {
  ++blocks;
  TaskGroup group;
  std::exception_ptr error;
  try {
    co_await with(group, [&]() -> Coro<> {
      Listed listed(groups_, &group);
      const int children = pick(4);
      for (int i = 0; i < children; ++i) {
        // It may have been aborted meanwhile; the refusal is an error of the body then, as it is in a program.
        group.create_task(task(depth));
        if (pick(3) == 0) co_await sleep(0s);
      }
      if (pick(4) == 0) {
        const int value = co_await group.start(
            [this](Started<int>& started, int below) -> Coro<> { co_await starting(started, below); }, depth);
        EXPECT_EQ(value, 7);
      }
      co_await node(depth);
    });
  } catch (...) {
    error = std::current_exception();
  }
  --blocks;
  EXPECT_THROW(group.create_task(sleep(1h)), RuntimeError);
  if (error != nullptr && !(detail::holds<ExceptionGroup>(error) && pick(2) == 0)) std::rethrow_exception(error);
}

Coro<> Tree::in_scope(int depth) {
  ++blocks;
  CancelScope scope({.shield = pick(4) == 0});
  if (pick(2) == 0) scope.set_deadline(get_running_loop().time() + some_time());
  std::exception_ptr error;
  try {
    const bool completed = co_await with(scope, [&]() -> Coro<> {
      Listed listed(scopes_, &scope);
      co_await node(depth);
    });
    EXPECT_EQ(scope.cancelled_caught(), !completed);
  } catch (const CancelledError& e) {
    EXPECT_NE(e.source(), &scope);
    error = std::current_exception();
  } catch (...) {
    error = std::current_exception();
  }
  --blocks;
  EXPECT_TRUE(scope.cancel_called() || !scope.cancelled_caught());
  EXPECT_TRUE(error == nullptr || !scope.cancelled_caught());
  if (error != nullptr) std::rethrow_exception(error);
}

Coro<> Tree::in_stack(int depth) {
  ++blocks;
  int left = 0;
  std::exception_ptr error;
  try {
    co_await with(ExitStack(), [&](ExitStack& stack) -> Coro<> {
      stack.callback([&left] { ++left; });
      stack.callback(
          [](Tree* tree, int& count) -> Coro<> {
            co_await sleep(tree->some_time());
            ++count;
          },
          this, std::ref(left));
      CancelScope& scope = co_await stack.enter(CancelScope());
      TaskGroup& group = co_await stack.enter(TaskGroup());
      group.create_task(task(depth));
      if (pick(2) == 0) scope.cancel();
      co_await node(depth);
    });
  } catch (...) {
    error = std::current_exception();
  }
  --blocks;
  EXPECT_EQ(left, 2);
  if (error != nullptr) std::rethrow_exception(error);
}

Coro<> Tree::in_timeout(int depth) {
  ++blocks;
  auto limit = timeout(some_time());
  std::exception_ptr error;
  try {
    co_await with(limit, [&]() -> Coro<> { co_await node(depth); });
  } catch (const TimeoutError&) {
  } catch (...) {
    error = std::current_exception();
  }
  --blocks;
  if (error != nullptr) std::rethrow_exception(error);
}

// Cleans up after an error, for a while, in a shielded scope, or in spite of everything; swallows some.
Coro<> Tree::cleaning_up(int depth) {
  ++blocks;
  std::exception_ptr error;
  try {
    if (depth > 0) {
      co_await node(depth);
    } else {
      co_await sleep(some_time());
    }
  } catch (...) {
    error = std::current_exception();
  }
  try {
    if (pick(2) == 0) {
      co_await with(CancelScope({.shield = true}), [this]() -> Coro<> { co_await sleep(some_time()); });
    } else {
      co_await sleep(some_time());
    }
  } catch (...) {
    error = std::current_exception();
  }
  --blocks;
  if (error != nullptr && pick(5) != 0) std::rethrow_exception(error);
}

ASYNC_TEST(Structured, every_tree_ends_with_all_blocks_left_and_no_task) {
  int nodes = 0;
  for (unsigned seed = 1; seed <= 600; ++seed) {
    Tree tree(seed);
    auto root = create_task(tree.task(4));
    co_await detail::Ended(root.state());
    EXPECT_EQ(all_tasks().size(), 1U) << "seed " << seed;
    EXPECT_TRUE(tree.is_idle()) << "seed " << seed;
    if (!root.cancelled()) static_cast<void>(root.exception());
    nodes += tree.begun;
  }
  EXPECT_GT(nodes, 6'000);
  EXPECT_EQ(current_task().cancelling(), 0);
  co_await sleep(1s);
}

}  // namespace
