// SPDX-License-Identifier: MIT
#include <asyncio/lowlevel/wait_queue.h>
#include <asyncio/task.h>
#include <asyncio/testing.h>

#include <stdexcept>

// What Task::cancel() does. Deep chains: deep_chain_test.cpp.

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

// Something to wait for, which hands a number to the task that it wakes.
class Post {
 public:
  class Take : public lowlevel::QueuedWaiter {
   public:
    static constexpr lowlevel::WaitKind kind = lowlevel::WaitQueue::kind("Post.take");
    explicit Take(Post& post) : QueuedWaiter(post.waiters_, kind), post_(&post) {}
    bool await_ready() const { return false; }
    int await_resume() {
      QueuedWaiter::await_resume();
      return std::exchange(post_->letter_, 0);
    }

   private:
    Post* post_;
  };
  Take take() { return Take(*this); }
  void put(int letter) {
    letter_ = letter;
    waiters_.wake_one();
  }
  int letter() const { return letter_; }
  bool empty() const { return waiters_.empty(); }

 private:
  int letter_ = 0;
  lowlevel::WaitQueue waiters_;
};

Coro<> sleep_and_sign(std::string& log) {
  try {
    co_await sleep(1h);
    log += "slept ";
  } catch (const CancelledError& error) {
    log += std::string("cancelled(") + error.message() + ") ";
    throw;
  }
}

// BH-TASK-05
ASYNC_TEST(Cancel, is_only_a_request) {
  std::string log;
  auto task = create_task(sleep_and_sign(log));
  co_await settle();
  EXPECT_TRUE(task.cancel("enough"));
  EXPECT_FALSE(task.cancelled());
  EXPECT_FALSE(task.done());
  co_await settle();
  EXPECT_TRUE(task.cancelled());
  EXPECT_EQ(log, "cancelled(enough) ");
  EXPECT_FALSE(task.cancel());
  EXPECT_EQ(task.cancelling(), 1);
}

// BH-TASK-06
ASYNC_TEST(Cancel, before_the_first_step_the_body_never_runs) {
  auto held = std::make_shared<int>(1);
  bool ran = false;
  const auto body = [](bool& flag, std::shared_ptr<int>) -> Coro<> {
    flag = true;
    co_return;
  };
  auto task = create_task(body(ran, held));
  EXPECT_TRUE(task.cancel("never mind"));
  EXPECT_FALSE(task.done());
  co_await settle();
  EXPECT_FALSE(ran);
  EXPECT_TRUE(task.cancelled());
  EXPECT_EQ(held.use_count(), 1);
  std::string message;
  try {
    task.result();
  } catch (const CancelledError& error) {
    message = error.message();
  }
  EXPECT_EQ(message, "never mind");
}

// BH-TASK-07
ASYNC_TEST(Cancel, of_a_task_that_awaits_a_future_cancels_the_future) {
  Future<int> future;
  const auto wait = [](Future<int> f) -> Coro<> { co_await f; };
  auto task = create_task(wait(future));
  co_await settle();
  task.cancel("enough");
  EXPECT_TRUE(future.cancelled());
  co_await settle();
  EXPECT_TRUE(task.cancelled());
}

// BH-TASK-07
ASYNC_TEST(Cancel, is_passed_on_and_the_outer_task_waits_for_the_end_of_the_inner) {
  std::string log;
  Future<> cleaned;
  const auto inner = [](std::string& into, Future<> clean) -> Coro<> {
    std::string message;
    try {
      co_await sleep(1h);
    } catch (const CancelledError& error) {
      message = error.message();
    }
    into += "inner(" + message + ") ";
    co_await clean;
    throw CancelledError(message);
  };
  auto a = create_task(inner(log, cleaned));
  const auto outer = [](Task<> awaited, std::string& into, std::string name) -> Coro<> {
    try {
      co_await awaited;
    } catch (const CancelledError& error) {
      into += name + "(" + error.message() + ") ";
      throw;
    }
  };
  auto b = create_task(outer(a, log, "middle"));
  auto c = create_task(outer(b, log, "outer"));
  co_await settle();
  c.cancel("enough");
  EXPECT_EQ(a.cancelling(), 1);
  EXPECT_EQ(b.cancelling(), 1);
  co_await settle();
  EXPECT_EQ(log, "inner(enough) ");
  EXPECT_FALSE(c.done());
  cleaned.set_result();
  co_await settle();
  EXPECT_EQ(log, "inner(enough) middle(enough) outer(enough) ");
  EXPECT_TRUE(c.cancelled());
}

// BH-TASK-08
ASYNC_TEST(Cancel, that_the_inner_task_swallows_leaves_the_outer_one_with_the_value) {
  const auto stubborn = []() -> Coro<int> {
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
    }
    co_return 7;
  };
  auto inner = create_task(stubborn());
  const auto wait = [](Task<int> task) -> Coro<int> {
    const int value = co_await task;
    co_await sleep(0s);  // no cancel is left over
    co_return value;
  };
  auto outer = create_task(wait(inner));
  co_await settle();
  outer.cancel();
  EXPECT_EQ(co_await outer, 7);
  EXPECT_EQ(outer.cancelling(), 1);
  EXPECT_FALSE(inner.cancelled());
}

// BH-TASK-08: a request which the inner task never saw is not lost.
ASYNC_TEST(Cancel, that_the_inner_task_never_saw_lands_at_the_next_wait_of_the_outer) {
  Post post;
  std::string log;
  const auto quick = [](Post& from) -> Coro<int> { co_return co_await from.take(); };
  auto inner = create_task(quick(post));
  const auto wait = [](Task<int> task, std::string& into) -> Coro<> {
    into += "got " + std::to_string(co_await task);
    co_await sleep(0s);
    into += " and more";
  };
  auto outer = create_task(wait(inner, log));
  co_await settle();
  post.put(7);  // the inner task is about to end with it
  outer.cancel();
  co_await settle();
  EXPECT_EQ(log, "got 7");
  EXPECT_TRUE(outer.cancelled());
  EXPECT_EQ(inner.result(), 7);
}

// BH-TASK-09: what a task was woken for is not taken back.
ASYNC_TEST(Cancel, of_a_task_that_was_woken_leaves_it_what_it_got) {
  Post post;
  std::string log;
  const auto reader = [](Post& from, std::string& into) -> Coro<> {
    into += std::to_string(co_await from.take());
    co_await from.take();
    into += " more";
  };
  auto task = create_task(reader(post, log));
  co_await settle();
  post.put(7);
  task.cancel();
  co_await settle();
  EXPECT_EQ(log, "7");
  EXPECT_TRUE(task.cancelled());
  EXPECT_EQ(post.letter(), 0);
  EXPECT_TRUE(post.empty());
}

// BH-TASK-09
ASYNC_TEST(Cancel, of_a_task_whose_future_is_done_leaves_it_the_result) {
  Future<int> future;
  int got = 0;
  const auto wait = [](Future<int> f, int& into) -> Coro<> {
    into = co_await f;
    co_await sleep(1h);
  };
  auto task = create_task(wait(future, got));
  co_await settle();
  future.set_result(7);
  task.cancel();
  co_await settle();
  EXPECT_EQ(got, 7);
  EXPECT_TRUE(task.cancelled());
}

// BH-TASK-10
ASYNC_TEST(Cancel, of_the_task_itself_takes_effect_at_its_next_suspension) {
  std::string log;
  const auto suicidal = [](std::string& into) -> Coro<> {
    current_task().cancel("bye");
    into += "still here ";
    try {
      co_await sleep(1s);
    } catch (const CancelledError& error) {
      into += error.message();
      throw;
    }
  };
  auto task = create_task(suicidal(log));
  co_await settle();
  EXPECT_EQ(log, "still here bye");
  EXPECT_TRUE(task.cancelled());
}

// BH-TASK-10: a task that returns before its next wait ends with its value.
ASYNC_TEST(Cancel, of_the_task_itself_is_without_effect_where_it_waits_no_more) {
  const auto body = []() -> Coro<int> {
    current_task().cancel();
    co_return 7;
  };
  auto task = create_task(body());
  EXPECT_EQ(co_await task, 7);
  EXPECT_FALSE(task.cancelled());
  EXPECT_EQ(task.cancelling(), 1);
}

ASYNC_TEST(Cancel, that_is_pending_is_passed_on_to_the_next_future_at_once) {
  Future<> future;
  const auto body = [](Future<> f) -> Coro<> {
    current_task().cancel();
    co_await f;
  };
  auto task = create_task(body(future));
  co_await settle();
  EXPECT_TRUE(future.cancelled());
  EXPECT_TRUE(task.cancelled());
}

// BH-TASK-11
ASYNC_TEST(Cancel, that_is_caught_stays_counted_and_has_no_other_effect) {
  const auto stubborn = []() -> Coro<int> {
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
    }
    co_await sleep(1s);
    co_return 7;
  };
  auto task = create_task(stubborn());
  co_await settle();
  task.cancel();
  EXPECT_EQ(co_await task, 7);
  EXPECT_FALSE(task.cancelled());
  EXPECT_EQ(task.cancelling(), 1);
  EXPECT_EQ(task.uncancel(), 0);
}

// BH-TASK-12
ASYNC_TEST(Cancel, that_is_answered_with_another_exception_ends_the_task_with_that) {
  const auto body = []() -> Coro<> {
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
      throw std::out_of_range("in the cleaning up");
    }
  };
  auto task = create_task(body());
  co_await settle();
  task.cancel();
  co_await settle();
  EXPECT_FALSE(task.cancelled());
  EXPECT_THROW(task.result(), std::out_of_range);
}

// BH-TASK-13
ASYNC_TEST(Cancel, is_what_a_body_that_throws_cancelled_error_by_itself_ends_as) {
  const auto body = []() -> Coro<> {
    throw CancelledError("my own idea");
    co_return;
  };
  auto task = create_task(body());
  co_await settle();
  EXPECT_TRUE(task.cancelled());
  EXPECT_EQ(task.cancelling(), 0);
}

// BH-TASK-14
ASYNC_TEST(Cancel, throws_once_and_the_cleaning_up_may_wait) {
  std::string log;
  const auto body = [](std::string& into) -> Coro<> {
    bool cancelled = false;
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
      cancelled = true;
    }
    co_await sleep(1s);
    co_await sleep(1s);
    into += cancelled ? "cleaned" : "";
    throw CancelledError();
  };
  auto task = create_task(body(log));
  co_await settle();
  task.cancel();
  co_await sleep(1h);
  EXPECT_EQ(log, "cleaned");
  EXPECT_TRUE(task.cancelled());
}

// BH-TASK-15
ASYNC_TEST(Cancel, a_second_one_interrupts_the_cleaning_up) {
  std::string log;
  const auto body = [](std::string& into) -> Coro<> {
    for (int i = 0; i < 2; ++i) {
      try {
        co_await sleep(1h);
      } catch (const CancelledError& error) {
        into += std::string(error.message()) + " ";
      }
    }
    co_await sleep(1s);
    into += "end";
  };
  auto task = create_task(body(log));
  co_await settle();
  EXPECT_TRUE(task.cancel("first"));
  EXPECT_EQ(task.cancelling(), 1);
  co_await settle();
  EXPECT_TRUE(task.cancel("second"));
  EXPECT_EQ(task.cancelling(), 2);
  co_await task;
  EXPECT_EQ(log, "first second end");
}

// BH-TASK-16
ASYNC_TEST(Cancel, two_before_the_task_runs_are_one_error_with_the_first_message) {
  std::string log;
  const auto body = [](std::string& into) -> Coro<> {
    try {
      co_await sleep(1h);
    } catch (const CancelledError& error) {
      into += error.message();
    }
    co_await sleep(0s);
    into += " end";
  };
  auto task = create_task(body(log));
  co_await settle();
  EXPECT_TRUE(task.cancel("first"));
  EXPECT_TRUE(task.cancel("second"));
  EXPECT_EQ(task.cancelling(), 2);
  co_await task;
  EXPECT_EQ(log, "first end");
}

// BH-TASK-17
ASYNC_TEST(Uncancel, takes_requests_back_and_at_zero_one_that_was_not_delivered) {
  std::string log;
  const auto body = [](std::string& into) -> Coro<> {
    const AnyTask self = current_task();
    self.cancel();
    self.cancel();
    EXPECT_EQ(self.uncancel(), 1);
    EXPECT_EQ(self.uncancel(), 0);
    EXPECT_EQ(self.uncancel(), 0);
    co_await sleep(0s);
    into += "not cancelled";
  };
  co_await create_task(body(log));
  EXPECT_EQ(log, "not cancelled");
}

// BH-TASK-17
ASYNC_TEST(Uncancel, above_zero_leaves_the_request_to_be_delivered) {
  const auto body = []() -> Coro<> {
    const AnyTask self = current_task();
    self.cancel();
    self.cancel();
    EXPECT_EQ(self.uncancel(), 1);
    co_await sleep(0s);
  };
  auto task = create_task(body());
  co_await settle();
  EXPECT_TRUE(task.cancelled());
}

// BH-TASK-18
ASYNC_TEST(Uncancel, alone_lowers_the_count) {
  const auto body = []() -> Coro<int> {
    const AnyTask self = current_task();
    for (int i = 0; i < 3; ++i) {
      try {
        self.cancel();
        co_await sleep(0s);
      } catch (const CancelledError&) {
      }
    }
    const int counted = self.cancelling();
    self.uncancel();
    co_return counted * 10 + self.cancelling();
  };
  EXPECT_EQ(co_await create_task(body()), 32);
}

ASYNC_TEST(Cancel, the_count_stays_at_its_maximum) {
  auto task = create_task(sleep(1h));
  co_await settle();
  for (int i = 0; i < 70'000; ++i) task.cancel();
  EXPECT_EQ(task.cancelling(), 65'535);
  co_await settle();
  EXPECT_TRUE(task.cancelled());
}

// BH-TASK-19
ASYNC_TEST(Cancel, everybody_who_asks_gets_the_error_with_the_message) {
  auto task = create_task(sleep(1h));
  co_await settle();
  task.cancel("enough");
  std::string log;
  for (int i = 0; i < 2; ++i) {
    try {
      co_await task;
    } catch (const CancelledError& error) {
      log += std::string(error.message()) + " ";
    }
  }
  try {
    task.result();
  } catch (const CancelledError& error) {
    log += error.message();
  }
  EXPECT_EQ(log, "enough enough enough");
}

// BH-TASK-22
ASYNC_TEST(Cancel, of_a_task_that_yields_lands_at_that_yield) {
  std::string log;
  const auto body = [](std::string& into) -> Coro<> {
    try {
      co_await sleep(0s);
      into += "yielded";
    } catch (const CancelledError&) {
      into += "cancelled";
    }
  };
  auto task = create_task(body(log));
  co_await sleep(0s);  // it has yielded, and is ready again
  task.cancel();
  co_await settle();
  EXPECT_EQ(log, "cancelled");
}

// BH-TASK-29
ASYNC_TEST(Cancel, takes_the_task_out_of_what_it_waits_in) {
  Post post;
  const auto reader = [](Post& from) -> Coro<int> { co_return co_await from.take(); };
  auto first = create_task(reader(post));
  auto second = create_task(reader(post));
  co_await settle();
  first.cancel();
  EXPECT_FALSE(first.done());
  post.put(7);  // not for the first any more
  co_await settle();
  EXPECT_TRUE(first.cancelled());
  EXPECT_EQ(second.result(), 7);
  EXPECT_TRUE(post.empty());
}

// BH-TASK-16
ASYNC_TEST(Cancel, of_tasks_that_await_each_other_ends_the_deadlock) {
  Task<> a;
  Task<> b;
  const auto wait = [](Task<>& other) -> Coro<> { co_await other; };
  a = create_task(wait(b));
  b = create_task(wait(a));
  co_await settle();
  a.cancel("enough");
  co_await settle();
  EXPECT_TRUE(a.cancelled());
  EXPECT_TRUE(b.cancelled());
  a = Task<>();
  b = Task<>();
}

ASYNC_TEST(Cancel, that_reaches_a_task_by_two_ways_at_once_is_one) {
  std::string log;
  const auto bottom = [](std::string& into) -> Coro<> {
    try {
      co_await sleep(1h);
    } catch (const CancelledError&) {
      into += "cancelled ";
    }
    co_await sleep(1s);
    into += "cleaned ";
  };
  const auto wait = [](auto task) -> Coro<> { co_await task; };
  auto shared = create_task(bottom(log));
  auto joint = create_task(wait(shared));  // both ways lead to this one, and on to `shared`
  auto left = create_task(wait(joint));
  auto right = create_task(wait(joint));
  // Cancels both at once, as a group does.
  Future<> both;
  both.add_done_callback([&](const Future<>&) {
    left.cancel();
    right.cancel();
  });
  co_await settle();
  both.set_result();
  co_await sleep(2s);
  EXPECT_EQ(log, "cancelled cleaned ");
  EXPECT_TRUE(left.done());
  EXPECT_TRUE(right.done());
  EXPECT_TRUE(joint.done());
}

}  // namespace
