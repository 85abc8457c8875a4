// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/run.h>
#include <asyncio/sleep.h>

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// What the tests of objects that outlive their loop have in common. A row of a table makes an object in a task, says
// what is to be done with it when the loop has gone, and then waits; what is done must give what the row says, in
// however the loop has gone, and touch nothing that is no more: the sanitizers see to that.
namespace outliving_test {

using namespace asyncio;
using namespace std::chrono_literals;

// What is done afterwards; expected: "" for no error, else its text.
class Afterwards {
 public:
  template <class F>
  void operator()(const char* what, F f, std::string expected = "") {
    operations_.push_back({what, std::move(f), std::move(expected)});
  }

  // Does it, and destroys the objects.
  void check() {
    for (Operation& operation : operations_) EXPECT_EQ(error_of(operation.f), operation.expected) << operation.what;
    operations_.clear();
  }
  // The same while the loop is being closed, where much may still work.
  void just_do() {
    for (Operation& operation : operations_) static_cast<void>(error_of(operation.f));
    operations_.clear();
  }
  void clear() { operations_.clear(); }

 private:
  struct Operation {
    const char* what;
    std::function<void()> f;
    std::string expected;
  };

  static std::string error_of(const std::function<void()>& f) {
    try {
      f();
      return "";
    } catch (const CancelledError& e) {
      return std::string("CancelledError: ") + e.message();
    } catch (const std::exception& e) {
      return e.what();
    }
  }

  std::vector<Operation> operations_;
};

struct Row {
  const char* object;
  Coro<> (*make)(Afterwards&);
};

inline void ignore_reports(EventLoop& loop) {
  loop.set_exception_handler([](EventLoop&, const ExceptionContext&) {});
}

inline Coro<> make(const Row& row, Afterwards& after) { co_await row.make(after); }

// Runs what the row makes, until it waits.
inline void run_up_to_its_wait(EventLoop& loop, const Row& row, Afterwards& after) {
  ignore_reports(loop);
  loop.create_task(make(row, after));
  loop.run_until_complete(sleep(1ms));
}

inline void closed(const Row& row, Afterwards& after) {
  EventLoop loop;
  run_up_to_its_wait(loop, row, after);
  loop.close();
  after.check();
}
inline void destroyed(const Row& row, Afterwards& after) {
  {
    EventLoop loop;
    run_up_to_its_wait(loop, row, after);
  }
  after.check();
}
// The next loop may lie where the old one was.
inline void followed_by_another_loop(const Row& row, Afterwards& after) {
  auto loop = std::make_unique<EventLoop>();
  run_up_to_its_wait(*loop, row, after);
  loop.reset();
  loop = std::make_unique<EventLoop>();
  after.just_do();
}
inline void ended_by_run(const Row& row, Afterwards& after) {
  run([&]() -> Coro<> {
    ignore_reports(get_running_loop());
    create_task(make(row, after));
    co_await sleep(1ms);
  });
  after.check();
}
inline void of_another_thread(const Row& row, Afterwards& after) {
  std::thread([&] {
    EventLoop loop;
    run_up_to_its_wait(loop, row, after);
  }).join();
  after.check();
}
inline void destroyed_first(const Row& row, Afterwards& after) {
  {
    EventLoop loop;
    run_up_to_its_wait(loop, row, after);
    loop.close();
    after.clear();
  }
}

// Uses the objects when the loop that is being closed destroys this one's frame: after that of the row, or before.
struct AtTheEnd {
  Afterwards& after;
  ~AtTheEnd() { after.just_do(); }
};
inline Coro<> use_at_the_end(Afterwards& after) {
  AtTheEnd at_the_end{after};
  co_await sleep(1h);
}
inline void used_by_an_older_frame(const Row& row, Afterwards& after) {
  EventLoop loop;
  loop.create_task(use_at_the_end(after));
  run_up_to_its_wait(loop, row, after);
}
inline void used_by_a_younger_frame(const Row& row, Afterwards& after) {
  EventLoop loop;
  ignore_reports(loop);
  loop.create_task(make(row, after));
  loop.create_task(use_at_the_end(after));
  loop.run_until_complete(sleep(1ms));
}

struct End {
  const char* name;
  void (*run)(const Row&, Afterwards&);
};
inline constexpr End ends[] = {
    {"the loop is closed", &closed},
    {"the loop is destroyed", &destroyed},
    {"another loop has followed", &followed_by_another_loop},
    {"run() has ended", &ended_by_run},
    {"the thread of the loop has ended", &of_another_thread},
    {"destroyed between close() and the end of the loop", &destroyed_first},
    {"used by a frame that close() destroys later", &used_by_an_older_frame},
    {"used by a frame that close() destroys first", &used_by_a_younger_frame},
};

template <std::size_t count>
void check(const Row (&rows)[count]) {
  for (const Row& row : rows) {
    for (const End& end : ends) {
      SCOPED_TRACE(std::string(row.object) + ": " + end.name);
      Afterwards after;
      end.run(row, after);
    }
  }
}

}  // namespace outliving_test
