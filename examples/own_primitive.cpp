// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>
#include <asyncio/lowlevel/wait_queue.h>

#include <iostream>
#include <string>
#include <utility>
#include <vector>

// A primitive of our own, with public and lowlevel headers alone: a latch, which opens once as many tasks have counted
// it down as it was made for. What it shows is all that a primitive needs: a queue of those who wait, an awaiter with a
// fast path, a name for the inspector, and the check for calls from another thread. Cancels, deadlines, the order of
// the waiters and the errors of two loops come with the queue.

using namespace asyncio;
using namespace std::chrono_literals;

// Lets tasks wait until a number of others are done with something.
//
//   Latch loaded(2);
//   co_await loaded.wait();   // until two tasks have called loaded.count_down()
//
// A wait that is cancelled throws CancelledError, and the others go on waiting. For the tasks of one loop; not
// thread-safe.
class Latch {
 public:
  class Wait;

  explicit Latch(int count) : count_(count) {}

  // Does not suspend once it is open.
  Wait wait();

  // Opens it at the last one.
  void count_down() {
    waiters_.check_thread("Latch.count_down");  // in debug mode: throws RuntimeError in another thread
    if (count_ > 0 && --count_ == 0) waiters_.wake_all();
  }

  bool open() const { return count_ == 0; }

 private:
  int count_;
  lowlevel::WaitQueue waiters_;
};

// Awaiting it waits; no coroutine frame, and no allocation.
class [[nodiscard("nothing is waited for: write co_await")]] Latch::Wait : public lowlevel::QueuedWaiter {
 public:
  static constexpr lowlevel::WaitKind kind = lowlevel::WaitQueue::kind("Latch.wait");  // what the inspector shows

  explicit Wait(Latch& latch) : QueuedWaiter(latch.waiters_, kind), latch_(&latch) {}
  bool await_ready() const { return latch_->open(); }

 private:
  Latch* latch_;
};

inline Latch::Wait Latch::wait() { return Wait(*this); }

Coro<> load(std::string what, std::chrono::milliseconds takes, Latch& loaded) {
  co_await sleep(takes);
  std::cout << "loaded: " << what << '\n';
  loaded.count_down();
}

Coro<> async_main() {
  Latch loaded(2);
  auto prices = create_task(load("prices", 10ms, loaded));
  auto waiting = create_task(loaded.wait(), {.name = "shop"});
  try {
    co_await wait_for(loaded.wait(), 1ms);  // a deadline, as for any other wait
  } catch (const TimeoutError&) {
    std::cout << "not yet; " << describe_task(waiting).name << " waits in " << describe_task(waiting).reason << '\n';
  }
  auto stock = create_task(load("stock", 20ms, loaded));
  co_await loaded.wait();
  std::cout << "open\n";
  co_await gather(prices, stock, waiting);
  co_await loaded.wait();  // at once
}

int main() { return run(async_main()); }
